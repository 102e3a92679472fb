// Gradients of maxima: dy goes to the first value that equals the maximum (the first NaN where that is one).
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

inline Int is_maximum(Float x, Float y) {
  return (x == y) | ((x != x) & (y != y));
}

void max_row_gradient_f32(const MaxGradientF32* args) {
  const Float y = broadcast(*args->y);
  bool found = false;
  for (std::int64_t i = 0; i < args->size; i += kLanes) {
    const std::int64_t count = args->size - i;
    const unsigned hits = found ? 0 : mask_of(is_maximum(load(args->x + i, count), y) & first_lanes(count));
    store(args->dx + i, Float{}, count);
    if (hits == 0) continue;
    args->dx[i + __builtin_ctz(hits)] = *args->dy;
    found = true;
  }
}

void max_columns_gradient_f32(const MaxGradientF32* args) {
  for (std::int64_t i = 0; i < args->columns; i += kLanes) {
    const std::int64_t count = args->columns - i;
    const Float y = load(args->y + i, count);
    Float left = load(args->dy + i, count);  // what no row has taken yet
    for (std::int64_t row = 0; row < args->size; ++row) {
      const std::int64_t at = row * args->stride + i;
      const Int hit = is_maximum(load(args->x + at, count), y);
      store(args->dx + at, select(hit, left, Float{}), count);
      left = select(hit, Float{}, left);
    }
  }
}

}  // namespace
}  // namespace pyseq
