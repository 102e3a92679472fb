// cross_entropy of rows of logits, and its gradient: loss = -Σ q ln p with p = softmax(logits) and
// q = (1 - smoothing) weight[target] at the target plus smoothing / classes · weight everywhere;
// d loss / d logits = p Σ q - q.
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

/// Σ weight (x - shift), the weights being 1 when they are null.
inline float weighted_sum(std::int64_t n, const float* x, float shift, const float* weight) {
  return sum_over_row(n, [=](std::int64_t i, std::int64_t count) {
    const Float v = load(x + i, count) - shift;
    return weight != nullptr ? v * load(weight + i, count) : v;
  });
}

/// From exponentials to the gradient: y * scale - q.
inline void finish_gradient(const CrossEntropyF32* args, std::int64_t target, float scale, float on_target, float* y) {
  const float* weight = args->weight;
  const float everywhere = args->smoothing / static_cast<float>(args->classes);
  for_row(args->classes, [=](std::int64_t i, std::int64_t count) {
    const Float spread = weight != nullptr ? load(weight + i, count) * everywhere : broadcast(everywhere);
    store(y + i, load(y + i, count) * scale - spread, count);
  });
  y[target] -= on_target;
}

inline void cross_entropy_row(const CrossEntropyF32* args, const float* x, std::int64_t target, float* loss, float* y) {
  const std::int64_t n = args->classes;
  const float shift = exp_shift(row_max(n, x));
  const float total = y != nullptr ? row_exp(n, x, shift, y) : row_exp_sum(n, x, shift, x);
  const float log_total = log(broadcast(total == 0.0F ? 1.0F : total))[0];
  const float on_target = (1.0F - args->smoothing) * (args->weight != nullptr ? args->weight[target] : 1.0F);
  const float everywhere = args->smoothing / static_cast<float>(n);
  *loss = on_target * (log_total - (x[target] - shift));
  if (args->smoothing > 0.0F) {
    *loss += everywhere * (args->weight_sum * log_total - weighted_sum(n, x, shift, args->weight));
  }
  if (y == nullptr) return;
  const float mass = on_target + everywhere * args->weight_sum;
  finish_gradient(args, target, mass / (total == 0.0F ? 1.0F : total), on_target, y);
}

void cross_entropy_f32(const CrossEntropyF32* args) {
  const std::int64_t n = args->classes;
  for (std::int64_t r = 0; r < args->rows; ++r) {
    float* gradient = args->gradient != nullptr ? args->gradient + r * n : nullptr;
    if (args->targets[r] != args->ignore_index) {
      cross_entropy_row(args, args->logits + r * n, args->targets[r], args->loss + r, gradient);
      continue;
    }
    args->loss[r] = 0.0F;
    if (gradient != nullptr)
      for_row(n, [=](std::int64_t i, std::int64_t count) { store(gradient + i, Float{}, count); });
  }
}

}  // namespace
}  // namespace pyseq
