// Arguments of attention.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

/// out[r] = softmax(scale * q[r] K^T) V over the first key_counts[r] keys, with an online softmax in chunks of 256
/// keys. Keys come in blocks of 32 positions: key_panels[b] is [head_dim][32] (k-major), value_blocks[b] is 32 rows of
/// value_dim at value_stride. Positions beyond key_counts[r] may hold anything, NaN included. No visible key: zeros.
struct AttentionF32 {
  std::int64_t rows, head_dim, value_dim;
  const float* q;
  std::int64_t q_stride;
  const float* const* key_panels;
  const float* const* value_blocks;
  std::int64_t value_stride;
  const std::int64_t* key_counts;  // [rows]
  float scale;
  float* out;
  std::int64_t out_stride;
  float* weights;  // [rows, weights_stride] or null; entries from key_counts[r] to weights_count are set to zero
  std::int64_t weights_stride;
  std::int64_t weights_count;
  float* scratch;  // attention_scratch_size(rows, value_dim) values
};
constexpr std::int64_t kAttentionKeyChunk = 256;
constexpr std::int64_t kAttentionKeyBlock = 32;
constexpr std::int64_t kAttentionMaxRows = 12;  // that a tier takes together
/// Scores of one chunk and one row of sums, for each of the rows taken together.
static constexpr std::int64_t attention_scratch_size(std::int64_t rows, std::int64_t value_dim) {
  return (rows < kAttentionMaxRows ? rows : kAttentionMaxRows) * (kAttentionKeyChunk + value_dim);
}

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_ATTENTION_KERNELS(X) X(attention_f32, AttentionF32)

struct AttentionKernels {
  PYSEQ_ATTENTION_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
