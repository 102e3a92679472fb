// softmax and log_softmax along rows. A row with NaN or +inf becomes NaN; a row of -inf alone has no maximum to
// subtract and gives zeros (softmax) or -inf (log_softmax).
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

void softmax_f32(const RowwiseF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t r = 0; r < args->rows; ++r) {
    float* y = args->y + r * n;
    const float* x = args->x + r * n;
    const float sum = row_exp(n, x, exp_shift(row_max(n, x)), y);
    const float divisor = sum == 0.0F ? 1.0F : sum;
    for (std::int64_t i = 0; i < n; i += kLanes) store(y + i, load(y + i, n - i) / divisor, n - i);
  }
}

void log_softmax_f32(const RowwiseF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t r = 0; r < args->rows; ++r) {
    float* y = args->y + r * n;
    const float* x = args->x + r * n;
    const float shift = exp_shift(row_max(n, x));
    Float sum{};
    for (std::int64_t i = 0; i < n; i += kLanes) {
      sum += select(first_lanes(n - i), exp(load(x + i, n - i) - shift), Float{});
    }
    const float total = sum_of_lanes(sum);
    const Float log_sum = log(broadcast(total == 0.0F ? 1.0F : total));
    for (std::int64_t i = 0; i < n; i += kLanes) store(y + i, (load(x + i, n - i) - shift) - log_sum, n - i);
  }
}

}  // namespace
}  // namespace pyseq
