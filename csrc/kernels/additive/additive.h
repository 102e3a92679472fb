// Additive attention of one query: scores, softmax, weighted sum; and the way back.
#pragma once

#include "kernels/additive/args.h"
#include "kernels/vector/elementwise.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

/// y[i] = Σ over rows of factor[row] * x[row, i], rows in ascending order.
inline void weighted_sum(std::int64_t rows, std::int64_t columns, const float* factor, const float* x, float* y) {
  for (std::int64_t i = 0; i < columns; i += kLanes) {
    Float sum{};
    for (std::int64_t row = 0; row < rows; ++row) {
      sum = fma(broadcast(factor[row]), load(x + row * columns + i, columns - i), sum);
    }
    store(y + i, sum, columns - i);
  }
}

void additive_attention_f32(const AdditiveAttentionF32* args) {
  const std::int64_t keys = args->keys, width = args->width;
  float* p = args->probabilities;
  for (std::int64_t s = 0; s < keys; ++s) {
    const float* key = args->key + s * width;
    p[s] = sum_over_row(width, [=](std::int64_t i, std::int64_t count) {
      return tanh(load(args->query + i, count) + load(key + i, count)) * load(args->weight + i, count);
    });
  }
  const float sum = row_exp(keys, p, exp_shift(row_max(keys, p)), p);
  const float scale = 1.0F / (sum == 0.0F ? 1.0F : sum);
  for_row(keys, [=](std::int64_t i, std::int64_t count) { store(p + i, load(p + i, count) * scale, count); });
  weighted_sum(keys, args->value_width, p, args->value, args->out);
}

/// dscore = p (dp - Σ p dp), dp = dout · value + dprobability
inline void score_gradients(const AdditiveAttentionGradientF32& args) {
  const float* p = args.probabilities;
  float* dp = args.dscores;
  for (std::int64_t s = 0; s < args.keys; ++s) {
    const float* value = args.value + s * args.value_width;
    dp[s] = args.dprobabilities == nullptr ? 0.0F : args.dprobabilities[s];
    if (args.dout == nullptr) continue;
    dp[s] += sum_over_row(args.value_width, [&](std::int64_t i, std::int64_t count) {
      return load(args.dout + i, count) * load(value + i, count);
    });
  }
  const float mean = sum_over_row(
      args.keys, [=](std::int64_t i, std::int64_t count) { return load(p + i, count) * load(dp + i, count); });
  for_row(args.keys, [=](std::int64_t i, std::int64_t count) {
    store(dp + i, load(p + i, count) * (load(dp + i, count) - mean), count);
  });
}

/// Through weight · tanh(query + key), a vector of units at a time.
inline void unit_gradients(const AdditiveAttentionGradientF32& args, std::int64_t i) {
  const std::int64_t width = args.width, count = width - i;
  const Float query = load(args.query + i, count), weight = load(args.weight + i, count);
  Float dquery = load(args.dquery + i, count), dweight = load(args.dweight + i, count);
  for (std::int64_t s = 0; s < args.keys; ++s) {
    const Float t = tanh(query + load(args.key + s * width + i, count));
    const Float dscore = broadcast(args.dscores[s]);
    const Float through = dscore * weight * (1.0F - t * t);
    float* dkey = args.dkey + s * width + i;
    store(dkey, load(dkey, count) + through, count);
    dquery += through;
    dweight = fma(dscore, t, dweight);
  }
  store(args.dquery + i, dquery, count);
  store(args.dweight + i, dweight, count);
}

inline void value_gradients(const AdditiveAttentionGradientF32& args) {
  for (std::int64_t s = 0; s < args.keys; ++s) {
    const Float p = broadcast(args.probabilities[s]);
    float* dvalue = args.dvalue + s * args.value_width;
    for_row(args.value_width, [=](std::int64_t i, std::int64_t count) {
      store(dvalue + i, fma(p, load(args.dout + i, count), load(dvalue + i, count)), count);
    });
  }
}

void additive_attention_gradient_f32(const AdditiveAttentionGradientF32* args) {
  score_gradients(*args);
  for (std::int64_t i = 0; i < args->width; i += kLanes) unit_gradients(*args, i);
  if (args->dvalue != nullptr && args->dout != nullptr) value_gradients(*args);
}

}  // namespace
}  // namespace pyseq
