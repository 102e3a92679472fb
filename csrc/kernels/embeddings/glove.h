// Weighted least squares of logarithms of counts, with AdaGrad, an entry after the other.
#pragma once

#include "kernels/embeddings/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

/// value -= gradient / √sum; sum += gradient²
inline void adagrad_part(float* value, float* sum, Float gradient) {
  const Float squares = load(sum);
  store(value, load(value) - gradient / sqrt(squares));
  store(sum, fma(gradient, gradient, squares));
}

void glove_f32(const GloveF32* args) {
  const std::int64_t width = args->width;
  const Float rate = broadcast(args->rate), upper = broadcast(args->clip), lower = -upper;
  double loss = 0.0;
  for (std::int64_t n = 0; n < args->count; ++n) {
    const GloveEntry& entry = args->entries[n];
    float* word = args->words + entry.row * width;
    float* context = args->contexts + entry.column * width;
    float* word_sum = args->word_sums + entry.row * width;
    float* context_sum = args->context_sums + entry.column * width;
    if (n + 1 < args->count) {
      const GloveEntry& next = args->entries[n + 1];
      for (std::int64_t i = 0; i < width; i += 16) {
        prefetch(args->words + next.row * width + i);
        prefetch(args->contexts + next.column * width + i);
        prefetch(args->word_sums + next.row * width + i);
        prefetch(args->context_sums + next.column * width + i);
      }
    }
    const float score =
        sum_over_row(width, [=](std::int64_t i, std::int64_t) { return load(word + i) * load(context + i); });
    const float difference = score - entry.log_count;
    const float error = entry.weight * difference;
    loss += 0.5 * static_cast<double>(error) * static_cast<double>(difference);
    for (std::int64_t i = 0; i < width; i += kLanes) {
      const Float w = load(word + i), c = load(context + i);
      adagrad_part(word + i, word_sum + i, rate * min(upper, max(lower, error * c)));
      adagrad_part(context + i, context_sum + i, rate * min(upper, max(lower, error * w)));
    }
  }
  *args->loss += loss;
}

}  // namespace
}  // namespace pyseq
