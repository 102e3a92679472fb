// A square block of kLanes x kLanes values transposed in registers.
#pragma once

#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

/// Blocks of `Step` lanes in turn: from a and b the even ones, or the odd ones.
template <int Step, int... Lane>
inline Float even_blocks(Float a, Float b, LaneList<Lane...>) {
  return __builtin_shufflevector(a, b, ((Lane & Step) != 0 ? kLanes + (Lane ^ Step) : Lane)...);
}
template <int Step, int... Lane>
inline Float odd_blocks(Float a, Float b, LaneList<Lane...>) {
  return __builtin_shufflevector(a, b, ((Lane & Step) != 0 ? kLanes + Lane : (Lane ^ Step))...);
}

/// rows[i][j] -> rows[j][i]: blocks of 1, 2, 4, ... change places across the diagonal.
template <int Step = 1>
inline void transpose_block(Float (&rows)[kLanes]) {
  if constexpr (Step < kLanes) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      if ((i & Step) != 0) continue;
      const Float upper = rows[i], lower = rows[i + Step];
      rows[i] = even_blocks<Step>(upper, lower, AllLanes{});
      rows[i + Step] = odd_blocks<Step>(upper, lower, AllLanes{});
    }
    transpose_block<2 * Step>(rows);
  }
}

}  // namespace
}  // namespace pyseq
