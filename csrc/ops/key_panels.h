// How attention keys lie in memory: blocks of 32 positions, each a panel [head_dim][32].
#pragma once

#include "kernels/table.h"

namespace pyseq {

/// Blocks of 32 positions that hold `positions`.
inline std::int64_t key_blocks(std::int64_t positions) {
  return (positions + kAttentionKeyBlock - 1) / kAttentionKeyBlock;
}

/// Writes the key of one position into lane `lane` of its panel.
inline void store_key(const float* key, std::int64_t head_dim, std::int64_t lane, float* panel) {
  for (std::int64_t i = 0; i < head_dim; ++i) panel[i * kAttentionKeyBlock + lane] = key[i];
}

}  // namespace pyseq
