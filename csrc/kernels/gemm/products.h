// What a tile multiplies: float32, or narrow values in groups of 32 bits. A *group* is 1 float32, 2 bfloat16 or 4 int8
// of consecutive k; a vector of groups belongs to kLanes columns.
#pragma once

#include "kernels/gemm/args.h"
#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

/// 32 bits of a row or a panel, of whatever type.
typedef std::int32_t __attribute__((may_alias)) Group;

constexpr std::int64_t kSumChunk = 256;  // values of k whose sum starts at zero

/// What becomes of complete sums. Rows and columns are counted as in the whole product.
struct SumFinish {
  const float* bias = nullptr;                // [n] or null
  const QuantizedRow* rows = nullptr;         // [m], int8 only
  const float* column_scales = nullptr;       // [n] and what the last panel is padded with; int8 only
  const std::int32_t* column_sums = nullptr;  // likewise
};

/// What a finish needs of the vector of columns from `column` on, whatever the row.
struct FinishColumns {
  Float bias, scale;
  Int sums;
};

inline FinishColumns finish_columns(const SumFinish& finish, std::int64_t column, Float) {
  return {finish.bias == nullptr ? Float{} : load(finish.bias + column), Float{}, Int{}};
}
inline FinishColumns finish_columns(const SumFinish& finish, std::int64_t column, Int) {
  return {finish.bias == nullptr ? Float{} : load(finish.bias + column), load(finish.column_scales + column),
          load_bits(finish.column_sums + column)};
}

inline Float product_of(const SumFinish&, const FinishColumns&, std::int64_t, Float sum) {
  return sum;
}
inline Float product_of(const SumFinish& finish, const FinishColumns& columns, std::int64_t row, Int sum) {
  const QuantizedRow of = finish.rows[row];
  return to_float(sum - columns.sums * broadcast(of.zero)) * (broadcast(of.scale) * columns.scale);
}

struct Float32Product {
  using Sum = Float;
  static constexpr std::int64_t kChunk = kSumChunk;
  static Sum add(Sum sum, Int a, Int b) { return fma(from_bits(a), from_bits(b), sum); }
};

struct Bfloat16Product {
  using Sum = Float;
  static constexpr std::int64_t kChunk = kSumChunk / 2;
  static Sum add(Sum sum, Int a, Int b) { return dot_bfloat16(sum, a, b); }
};

/// Sums are exact: cutting k only bounds how much of a row is copied at a time.
struct Int8Product {
  using Sum = Int;
  static constexpr std::int64_t kChunk = kSumChunk;
  static Sum add(Sum sum, Int a, Int b) { return dot_int8(sum, a, b); }
};

inline Float load_sum(const Group* p, Float) {
  return load(reinterpret_cast<const float*>(p));
}
inline Int load_sum(const Group* p, Int) {
  return load_bits(p);
}
inline void store_sum(Group* p, Float sum) {
  store(reinterpret_cast<float*>(p), sum);
}
inline void store_sum(Group* p, Int sum) {
  store_bits(p, sum);
}

}  // namespace
}  // namespace pyseq
