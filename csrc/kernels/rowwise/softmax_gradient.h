// Gradients of softmax: dx = y (dy - Σ dy y), and of log_softmax: dx = dy - e^y Σ dy; and rows that are scaled.
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

void softmax_gradient_f32(const SoftmaxGradientF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t at = 0; at < args->rows * n; at += n) {
    const float *y = args->y + at, *dy = args->dy + at;
    float* dx = args->dx + at;
    const float mean =
        sum_over_row(n, [=](std::int64_t i, std::int64_t count) { return load(y + i, count) * load(dy + i, count); });
    for_row(n, [=](std::int64_t i, std::int64_t count) {
      store(dx + i, load(y + i, count) * (load(dy + i, count) - mean), count);
    });
  }
}

void log_softmax_gradient_f32(const SoftmaxGradientF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t at = 0; at < args->rows * n; at += n) {
    const float *y = args->y + at, *dy = args->dy + at;
    float* dx = args->dx + at;
    const float sum = row_sum(n, dy);
    for_row(n, [=](std::int64_t i, std::int64_t count) {
      store(dx + i, load(dy + i, count) - exp_nonpositive(load(y + i, count)) * sum, count);
    });
  }
}

void scale_rows_f32(const ScaleRowsF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t r = 0; r < args->rows; ++r) {
    const float* x = args->x + r * n;
    float* y = args->y + r * n;
    const float scale = args->scales[r];
    for_row(n, [=](std::int64_t i, std::int64_t count) { store(y + i, load(x + i, count) * scale, count); });
  }
}

}  // namespace
}  // namespace pyseq
