// Sums and maxima over an axis: over the values of a row, or over rows, column by column. Sums of columns are cut into
// chunks of 256 rows, which are added in ascending order.
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

constexpr std::int64_t kReductionChunk = 256;  // rows

/// The larger one; NaN as soon as there is one.
inline Float max_or_nan(Float largest, Float v) {
  return select((v <= largest) | (largest != largest), largest, v);
}

inline float row_max_or_nan(std::int64_t n, const float* x) {
  Float largest = broadcast(-kInfinity);
  for (std::int64_t i = 0; i < n; i += kLanes) {
    largest = max_or_nan(largest, select(first_lanes(n - i), load(x + i, n - i), broadcast(-kInfinity)));
  }
  const float found = max_of_lanes(largest);
  return mask_of(largest != largest) != 0 ? __builtin_nanf("") : found;
}

inline Float sum_of_column(const ReduceF32* args, std::int64_t column, std::int64_t count) {
  Float total{};
  for (std::int64_t begin = 0; begin < args->size; begin += kReductionChunk) {
    const std::int64_t end = begin + kReductionChunk < args->size ? begin + kReductionChunk : args->size;
    Float sum{};
    for (std::int64_t row = begin; row < end; ++row) sum += load(args->x + row * args->stride + column, count);
    total += sum;
  }
  return total;
}

inline Float max_of_column(const ReduceF32* args, std::int64_t column, std::int64_t count) {
  Float largest = broadcast(-kInfinity);
  for (std::int64_t row = 0; row < args->size; ++row) {
    largest = max_or_nan(largest, load(args->x + row * args->stride + column, count));
  }
  return largest;
}

void sum_columns_f32(const ReduceF32* args) {
  for (std::int64_t i = 0; i < args->columns; i += kLanes) {
    const std::int64_t count = args->columns - i;
    store(args->y + i, count >= kLanes ? sum_of_column(args, i, kLanes) : sum_of_column(args, i, count), count);
  }
}
void max_columns_f32(const ReduceF32* args) {
  for (std::int64_t i = 0; i < args->columns; i += kLanes) {
    const std::int64_t count = args->columns - i;
    store(args->y + i, count >= kLanes ? max_of_column(args, i, kLanes) : max_of_column(args, i, count), count);
  }
}
void sum_row_f32(const ReduceF32* args) {
  *args->y = row_sum(args->size, args->x);
}
void max_row_f32(const ReduceF32* args) {
  *args->y = row_max_or_nan(args->size, args->x);
}

}  // namespace
}  // namespace pyseq
