// ctc_best_f32: the best class of every frame. Classes are few: a row is walked over twice, the second time in the
// first cache level, which costs less than carrying places along.
#pragma once

#include "kernels/ctc/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

inline std::int32_t first_equal(std::int64_t n, const float* x, float value) {
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const unsigned found = mask_of(first_lanes(n - i) & (load(x + i, n - i) == broadcast(value)));
    if (found != 0) return static_cast<std::int32_t>(i) + __builtin_ctz(found);
  }
  return 0;
}

void ctc_best_f32(const CtcBestF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t row = 0; row < args->rows; ++row) {
    const float* x = args->x + row * n;
    Float largest = broadcast(-kInfinity);
    Int finite = broadcast(-1);
    for (std::int64_t i = 0; i < n; i += kLanes) {
      const Float v = select(first_lanes(n - i), load(x + i, n - i), broadcast(-kInfinity));
      finite &= v < broadcast(kInfinity);
      largest = max(v, largest);
    }
    const float value = max_of_lanes(largest);
    const bool is_number = mask_of(~finite) == 0;
    args->values[row] = is_number ? value : __builtin_nanf("");
    args->classes[row] = is_number ? first_equal(n, x, value) : 0;
  }
}

}  // namespace
}  // namespace pyseq
