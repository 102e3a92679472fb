// How attention keys lie in memory: blocks of 32 positions, each a panel [head_dim][32].
#pragma once

#include <vector>

#include "kernels/dispatch.h"

namespace pyseq {

/// Blocks of 32 positions that hold `positions`.
inline std::int64_t key_blocks(std::int64_t positions) {
  return (positions + kAttentionKeyBlock - 1) / kAttentionKeyBlock;
}

/// Writes `count` row-major keys into neighbouring lanes of a panel, from `lanes` on.
inline void store_keys(std::int64_t count, std::int64_t head_dim, const float* keys, std::int64_t stride,
                       float* lanes) {
  const TransposeF32 args{count, head_dim, keys, stride, lanes, kAttentionKeyBlock};
  kernels().transpose_f32(&args);
}

}  // namespace pyseq
