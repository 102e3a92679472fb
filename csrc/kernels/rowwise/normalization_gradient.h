// Gradients of layer_norm and rms_norm along rows. With n = (x - mean) / deviation and g = dy * weight:
// layer_norm: dx = (g - mean(g) - n mean(g n)) / deviation; rms_norm: dx = (g - n mean(g n)) / deviation, its mean
// being 0. What the rows add to the gradients: weight dy n, bias dy.
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/rowwise/normalization.h"

namespace pyseq {
namespace {

/// One row: n = (x - mean) * scale.
struct NormalisedRow {
  const float* x;
  float mean, scale;

  Float at(std::int64_t i, std::int64_t count) const { return (load(x + i, count) - mean) * scale; }
};

/// dy * weight
inline Float weighted(const float* dy, const float* weight, std::int64_t i, std::int64_t count) {
  const Float v = load(dy + i, count);
  return weight != nullptr ? v * load(weight + i, count) : v;
}

/// `mean_of_gradient`: of dy * weight; 0 where the mean does not depend on x.
inline void norm_gradient_row(const NormGradientF32& args, NormalisedRow row, float mean_of_gradient,
                              std::int64_t offset) {
  const std::int64_t n = args.columns;
  const float *dy = args.dy + offset, *weight = args.weight;
  const float* added = args.added != nullptr ? args.added + offset : nullptr;
  float* dx = args.dx + offset;
  const float along =
      sum_over_row(
          n, [=](std::int64_t i, std::int64_t count) { return weighted(dy, weight, i, count) * row.at(i, count); }) /
      static_cast<float>(n);
  for_row(n, [=](std::int64_t i, std::int64_t count) {
    const Float rest = weighted(dy, weight, i, count) - mean_of_gradient;
    Float v = (rest - row.at(i, count) * along) * row.scale;
    if (added != nullptr) v += load(added + i, count);
    store(dx + i, v, count);
  });
  if (float* dweight = args.dweight; dweight != nullptr) {
    for_row(n, [=](std::int64_t i, std::int64_t count) {
      store(dweight + i, fma(load(dy + i, count), row.at(i, count), load(dweight + i, count)), count);
    });
  }
  if (float* dbias = args.dbias; dbias != nullptr) {
    for_row(n, [=](std::int64_t i, std::int64_t count) {
      store(dbias + i, load(dbias + i, count) + load(dy + i, count), count);
    });
  }
}

void layer_norm_gradient_f32(const NormGradientF32* args) {
  const std::int64_t n = args->columns;
  const auto size = static_cast<float>(n);
  for (std::int64_t at = 0; at < args->rows * n; at += n) {
    const float *x = args->x + at, *dy = args->dy + at, *weight = args->weight;
    const float mean = row_sum(n, x) / size;
    const float variance = squared_deviations(n, x, mean) / size;
    const float mean_of_gradient =
        sum_over_row(n, [=](std::int64_t i, std::int64_t count) { return weighted(dy, weight, i, count); }) / size;
    norm_gradient_row(*args, {x, mean, 1.0F / __builtin_sqrtf(variance + args->epsilon)}, mean_of_gradient, at);
  }
}

void rms_norm_gradient_f32(const NormGradientF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t at = 0; at < args->rows * n; at += n) {
    const float* x = args->x + at;
    const float square = squared_deviations(n, x, 0.0F) / static_cast<float>(n);
    norm_gradient_row(*args, {x, 0.0F, 1.0F / __builtin_sqrtf(square + args->epsilon)}, 0.0F, at);
  }
}

}  // namespace
}  // namespace pyseq
