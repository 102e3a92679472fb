// layer_norm: y = (x - mean) / sqrt(variance + epsilon) * weight + bias along rows, mean and variance in two passes.
// rms_norm: y = x / sqrt(mean of squares + epsilon) * weight. Both may add a residual and a bias first.
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

inline float squared_deviations(std::int64_t n, const float* x, float mean) {
  return sum_over_row(n, [=](std::int64_t i, std::int64_t count) {
    const Float deviation = load(x + i, count) - mean;
    return deviation * deviation;
  });
}

/// y = (x - mean) * scale * weight + bias, without those that are null.
inline void scale_row(std::int64_t n, const float* x, float mean, float scale, const float* weight, const float* bias,
                      float* y) {
  if (weight != nullptr && bias != nullptr) {
    for_row(n, [=](std::int64_t i, std::int64_t count) {
      const Float normalised = (load(x + i, count) - mean) * scale;
      store(y + i, fma(normalised, load(weight + i, count), load(bias + i, count)), count);
    });
  } else {
    for_row(n, [=](std::int64_t i, std::int64_t count) {
      Float v = (load(x + i, count) - mean) * scale;
      if (weight != nullptr) v *= load(weight + i, count);
      if (bias != nullptr) v += load(bias + i, count);
      store(y + i, v, count);
    });
  }
}

inline void layer_norm_row(std::int64_t n, const float* x, const float* weight, const float* bias, float epsilon,
                           float* y) {
  const float mean = row_sum(n, x) / static_cast<float>(n);
  const float variance = squared_deviations(n, x, mean) / static_cast<float>(n);
  scale_row(n, x, mean, 1.0F / __builtin_sqrtf(variance + epsilon), weight, bias, y);
}

inline void rms_norm_row(std::int64_t n, const float* x, const float* weight, float epsilon, float* y) {
  const float scale = 1.0F / __builtin_sqrtf(squared_deviations(n, x, 0.0F) / static_cast<float>(n) + epsilon);
  for_row(n, [=](std::int64_t i, std::int64_t count) {
    Float v = load(x + i, count) * scale;
    if (weight != nullptr) v *= load(weight + i, count);
    store(y + i, v, count);
  });
}

/// sum = (x + bias) + residual over one row.
inline void add_row(std::int64_t n, const float* x, const float* bias, const float* residual, float* sum) {
  for_row(n, [=](std::int64_t i, std::int64_t count) {
    Float v = load(x + i, count);
    if (bias != nullptr) v += load(bias + i, count);
    store(sum + i, v + load(residual + i, count), count);
  });
}

/// The row to normalise: x itself, or its sum with bias and residual, which goes to `sum` (or to y for want of one).
inline const float* row_to_normalise(const NormF32* args, std::int64_t row) {
  const std::int64_t n = args->columns, at = row * n;
  if (args->residual == nullptr) return args->x + at;
  float* sum = (args->sum != nullptr ? args->sum : args->y) + at;
  add_row(n, args->x + at, args->added_bias, args->residual + at, sum);
  return sum;
}

void layer_norm_f32(const NormF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t r = 0; r < args->rows; ++r) {
    layer_norm_row(n, row_to_normalise(args, r), args->weight, args->bias, args->epsilon, args->y + r * n);
  }
}

void rms_norm_f32(const NormF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t r = 0; r < args->rows; ++r) {
    rms_norm_row(n, row_to_normalise(args, r), args->weight, args->epsilon, args->y + r * n);
  }
}

}  // namespace
}  // namespace pyseq
