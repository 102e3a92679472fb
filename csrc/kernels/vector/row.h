// Reductions along a row, in one order: four vectors side by side, then what is left of a row, then lanes by halving.
#pragma once

#include "kernels/vector/math.h"

namespace pyseq {
namespace {

/// Sum over lanes of term(i, count), the vector of the values i .. i + count - 1 of a row of n; what it has beyond
/// `count` is left out.
template <typename Term>
inline float sum_over_row(std::int64_t n, Term term) {
  Float sums[4]{};
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int part = 0; part < 4; ++part) sums[part] += term(i + part * kLanes, kLanes);
  }
  for (; i < n; i += kLanes) sums[0] += select(first_lanes(n - i), term(i, n - i), Float{});
  return sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/// Calls each(i, count) for the vectors of a row of n values.
template <typename Each>
inline void for_row(std::int64_t n, Each each) {
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int part = 0; part < 4; ++part) each(i + part * kLanes, kLanes);
  }
  for (; i < n; i += kLanes) each(i, n - i);
}

inline float row_sum(std::int64_t n, const float* x) {
  return sum_over_row(n, [=](std::int64_t i, std::int64_t count) { return load(x + i, count); });
}

/// The largest of n values, NaN left out; -inf for none.
inline float row_max(std::int64_t n, const float* x) {
  Float largest[4];
  for (Float& part : largest) part = broadcast(-kInfinity);
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int part = 0; part < 4; ++part) largest[part] = max(load(x + i + part * kLanes), largest[part]);
  }
  for (; i < n; i += kLanes) {
    const Float v = select(first_lanes(n - i), load(x + i, n - i), broadcast(-kInfinity));
    largest[0] = max(v, largest[0]);
  }
  return max_of_lanes(max(max(largest[0], largest[1]), max(largest[2], largest[3])));
}

/// What to subtract before exp: the maximum, or 0 when it is -inf, since -inf - -inf is NaN.
inline float exp_shift(float largest) {
  return largest == -kInfinity ? 0.0F : largest;
}

/// Brings memory nearer while arithmetic is the limit. The address need not exist.
inline void prefetch(const float* p) {
  __builtin_prefetch(p, 1);
}

/// y[i] = exp(x[i] - shift), where shift is at least the maximum; returns the sum. x may equal y. Fetches the row
/// behind x meanwhile, which is likely to be the next one.
inline float row_exp(std::int64_t n, const float* x, float shift, float* y) {
  return sum_over_row(n, [=](std::int64_t i, std::int64_t count) {
    prefetch(x + n + i);
    prefetch(y + n + i);
    const Float e = exp_nonpositive(load(x + i, count) - shift);
    store(y + i, e, count);
    return e;
  });
}

/// What row_exp returns, without the values. Fetches y and the row behind x meanwhile.
inline float row_exp_sum(std::int64_t n, const float* x, float shift, const float* y) {
  return sum_over_row(n, [=](std::int64_t i, std::int64_t count) {
    prefetch(x + n + i);
    prefetch(y + i);
    return exp_nonpositive(load(x + i, count) - shift);
  });
}

}  // namespace
}  // namespace pyseq
