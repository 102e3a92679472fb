// bfloat16: the upper half of a float32. A storage type only: arithmetic happens in float32.
#pragma once

#include <bit>
#include <cstdint>

#include "pyseq/tensor.h"

namespace pyseq {

/// Rounded to nearest, ties to even; NaN stays NaN.
inline BFloat16 to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<BFloat16>((bits >> 16) | 0x40U);
  return static_cast<BFloat16>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

inline float to_float(BFloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

}  // namespace pyseq
