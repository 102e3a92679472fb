// What a tile multiplies: float32, or narrow values in groups of 32 bits. A *group* is 1 float32, 2 bfloat16 or 4 int8
// of consecutive k; a vector of groups belongs to kLanes columns.
#pragma once

#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

/// 32 bits of a row or a panel, of whatever type.
typedef std::int32_t __attribute__((may_alias)) Group;

constexpr std::int64_t kSumChunk = 256;  // values of k whose sum starts at zero

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

inline Float load_sum(const Group* p, std::int64_t count, Float) {
  return load(reinterpret_cast<const float*>(p), count);
}
inline Int load_sum(const Group* p, std::int64_t count, Int) {
  return bits(load(reinterpret_cast<const float*>(p), count));
}
inline void store_sum(Group* p, Float sum, std::int64_t count) {
  store(reinterpret_cast<float*>(p), sum, count);
}
inline void store_sum(Group* p, Int sum, std::int64_t count) {
  store(reinterpret_cast<float*>(p), from_bits(sum), count);
}

}  // namespace
}  // namespace pyseq
