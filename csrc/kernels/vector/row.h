// Reductions along a row, in the one order that softmax and attention share.
#pragma once

#include "kernels/vector/math.h"

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

}  // namespace
}  // namespace pyseq
