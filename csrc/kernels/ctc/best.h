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

/// Places of a value among at most 64, as bits: where it stands cannot be foreseen, so nothing branches on it.
inline std::uint64_t equal_places(std::int64_t n, const float* x, float value) {
  std::uint64_t found = 0;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) found |= std::uint64_t{equal_lanes(load(x + i), value)} << i;
  if (i < n) {
    const Float tail = select(first_lanes(n - i), load(x + i, n - i), broadcast(-kInfinity));
    found |= std::uint64_t{equal_lanes(tail, value)} << i;
  }
  return found;
}

inline std::int32_t first_equal(std::int64_t n, const float* x, float value) {
  if (value == -kInfinity) return 0;  // also stands beyond the row's end
  std::int64_t i = 0;
  std::uint64_t found = 0;
  while ((found = equal_places(n - i < 64 ? n - i : 64, x + i, value)) == 0) i += 64;
  return static_cast<std::int32_t>(i) + __builtin_ctzll(found);
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
