// Where the units and gates of a recurrent layer stand.
#pragma once

#include "kernels/recurrent/args.h"
#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

constexpr std::int64_t kBlockUnits = 32;
constexpr std::int64_t kHalfBlock = 16;  // width of a last block with so many units or fewer

/// A block of hidden units: one panel of `width` columns per gate, from `column` on.
struct UnitBlock {
  std::int64_t first, units, width, column;
};

inline UnitBlock unit_block(const std::int64_t hidden, std::int64_t gates, std::int64_t index) {
  const std::int64_t first = index * kBlockUnits, rest = hidden - first;
  const std::int64_t units = rest < kBlockUnits ? rest : kBlockUnits;
  return {first, units, units <= kHalfBlock ? kHalfBlock : kBlockUnits, first * gates};
}

inline std::int64_t num_blocks(std::int64_t hidden) {
  return (hidden + kBlockUnits - 1) / kBlockUnits;
}

}  // namespace
}  // namespace pyseq
