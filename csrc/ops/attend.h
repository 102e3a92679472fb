// The part that attention and cached_attention share: every head of every row on all threads.
#pragma once

#include <cstdint>
#include <vector>

#include "base/threads.h"
#include "pyseq/runtime.h"

namespace pyseq {

struct HeadedAttention {
  std::int64_t batch, heads, queries, head_dim, value_dim;
  const float* query;              // [batch, queries, heads * head_dim]
  std::int64_t value_stride;       // between positions of a value block
  const std::int64_t* key_counts;  // [batch, queries]: keys that a query sees, from the first on
  float scale;
  float* y;        // [batch, queries, heads * value_dim]
  float* weights;  // [batch, heads, queries, weights_count] or null
  std::int64_t weights_count;
};

/// Fills in where the blocks of 32 positions of one head lie that a batch row reads (see AttentionF32).
using FindBlocks = FunctionRef<void(std::int64_t row, std::int64_t head, std::vector<const float*>& key_panels,
                                    std::vector<const float*>& value_blocks)>;

void attend(const HeadedAttention& attention, FindBlocks find_blocks, const RunLimits& limits);

}  // namespace pyseq
