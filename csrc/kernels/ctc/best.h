// ctc_best_f32: the best class of every frame. Classes are few: a row is walked over twice, the second time in the
// first cache level, which costs less than carrying places along.
#pragma once

#include "kernels/ctc/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

/// Lanes of one vector that are this value, as bits.
inline unsigned equal_lanes(Float v, float value) {
  return mask_of(v == broadcast(value));
}

inline std::int32_t first_equal(std::int64_t n, const float* x, float value) {
  std::int64_t i = 0;
  unsigned found = 0;
  for (; i + kLanes <= n; i += kLanes) {
    found = equal_lanes(load(x + i), value);
    if (found != 0) return static_cast<std::int32_t>(i) + __builtin_ctz(found);
  }
  if (i < n) found = equal_lanes(select(first_lanes(n - i), load(x + i, n - i), broadcast(-kInfinity)), value);
  // -inf, the best of a frame without any other value, may be found beyond the row's end: its first class is meant.
  return found == 0 || value == -kInfinity ? 0 : static_cast<std::int32_t>(i) + __builtin_ctz(found);
}

void ctc_best_f32(const CtcBestF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t row = 0; row < args->rows; ++row) {
    const float* x = args->x + row * n;
    Float largest = broadcast(-kInfinity);
    Int finite = broadcast(-1);
    const auto take = [&](Float v) {
      finite &= v < broadcast(kInfinity);  // false for NaN
      largest = max(v, largest);
    };
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) take(load(x + i));
    if (i < n) take(select(first_lanes(n - i), load(x + i, n - i), broadcast(-kInfinity)));
    const float value = max_of_lanes(largest);
    const bool is_number = mask_of(~finite) == 0;
    args->values[row] = is_number ? value : __builtin_nanf("");
    args->classes[row] = is_number ? first_equal(n, x, value) : 0;
  }
}

}  // namespace
}  // namespace pyseq
