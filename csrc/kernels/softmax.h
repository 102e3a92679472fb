// softmax and log_softmax along rows. A row with NaN or +inf becomes NaN; a row of -inf alone has no maximum to
// subtract and gives zeros (softmax) or -inf (log_softmax).
#pragma once

#include "kernels/math.h"
#include "kernels/table.h"

namespace pyseq {
namespace {

/// The largest of n values, NaN left out; -inf for none.
inline float row_max(std::int64_t n, const float* x) {
  Float largest = broadcast(-kInfinity);
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Float v = select(first_lanes(n - i), load(x + i, n - i), broadcast(-kInfinity));
    largest = max(v, largest);
  }
  return max_of_lanes(largest);
}

/// What to subtract before exp: the maximum, or 0 when it is -inf, since -inf - -inf is NaN.
inline float exp_shift(float largest) {
  return largest == -kInfinity ? 0.0F : largest;
}

/// y[i] = exp(x[i] - shift); returns the sum. x may equal y.
inline float row_exp(std::int64_t n, const float* x, float shift, float* y) {
  Float sum{};
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Float e = exp(load(x + i, n - i) - shift);
    store(y + i, e, n - i);
    sum += select(first_lanes(n - i), e, Float{});
  }
  return sum_of_lanes(sum);
}

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
