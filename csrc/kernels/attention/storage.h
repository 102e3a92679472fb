// Keys and values as they are stored, widened to float32 on their way into a register.
#pragma once

#include "kernels/attention/args.h"
#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

constexpr int kBlock = static_cast<int>(kAttentionKeyBlock);
constexpr int kChunk = static_cast<int>(kAttentionKeyChunk);

inline std::int64_t least(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}
inline std::int64_t most(std::int64_t a, std::int64_t b) {
  return a > b ? a : b;
}

inline Float widened(const float* p) {
  return load(p);
}
/// bfloat16 is the upper half of a float32.
inline Float widened(const std::uint16_t* p) {
  return from_bits(load_halves(p) << 16);
}
inline Float widened(const std::int8_t* p) {
  return to_float(load_bytes(p));
}

/// The first `count` values. Only float32 rows may end at a page: narrow ones are padded.
inline Float widened(const float* p, std::int64_t count) {
  return load(p, count);
}
template <typename T>
inline Float widened(const T* p, std::int64_t count) {
  return count > 0 ? widened(p) : Float{};
}

}  // namespace
}  // namespace pyseq
