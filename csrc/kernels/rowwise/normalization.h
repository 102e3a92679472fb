// layer_norm: y = (x - mean) / sqrt(variance + epsilon) * weight + bias along rows, mean and variance in two passes.
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

inline float row_sum(std::int64_t n, const float* x) {
  Float sum{};
  for (std::int64_t i = 0; i < n; i += kLanes) sum += load(x + i, n - i);
  return sum_of_lanes(sum);
}

inline float squared_deviations(std::int64_t n, const float* x, float mean) {
  Float sum{};
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Float deviation = select(first_lanes(n - i), load(x + i, n - i) - mean, Float{});
    sum = fma(deviation, deviation, sum);
  }
  return sum_of_lanes(sum);
}

void layer_norm_f32(const LayerNormF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t r = 0; r < args->rows; ++r) {
    const float* x = args->x + r * n;
    float* y = args->y + r * n;
    const float mean = row_sum(n, x) / static_cast<float>(n);
    const float variance = squared_deviations(n, x, mean) / static_cast<float>(n);
    const float scale = 1.0F / __builtin_sqrtf(variance + args->epsilon);
    for (std::int64_t i = 0; i < n; i += kLanes) {
      Float v = (load(x + i, n - i) - mean) * scale;
      if (args->weight != nullptr) v *= load(args->weight + i, n - i);
      if (args->bias != nullptr) v += load(args->bias + i, n - i);
      store(y + i, v, n - i);
    }
  }
}

}  // namespace
}  // namespace pyseq
