// The part that attention and cached_attention share: every head of every row on all threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/threads.h"
#include "kernels/table.h"
#include "ops/padding.h"
#include "pyseq/runtime.h"

namespace pyseq {

/// Added to the scores, one value per position of a key.
struct AttentionBias {
  const float* values = nullptr;
  std::int64_t batch_stride = 0, head_stride = 0, query_stride = 0;
  const std::int64_t* row_shifts = nullptr;  // [batch] or null: by how much the values of a row begin earlier
};

struct HeadedAttention {
  std::int64_t batch, heads, kv_heads, queries, head_dim, value_dim;
  KeyStorage storage;
  const float* query;              // [batch, queries, heads * head_dim]
  std::int64_t value_stride;       // between positions of a value block
  const RowSteps* rows = nullptr;  // packed queries: where those of each row stand in query, y and key_*; else null
  const std::int64_t* key_begins;  // [batch, queries] or null: the first key that a query sees
  const std::int64_t* key_ends;    // [batch, queries]: the one behind the last
  float scale;
  AttentionBias bias;
  const float* slopes;                         // [heads] or null
  float* y;                                    // [batch, queries, heads * value_dim]
  float* weights;                              // [batch, weight heads, queries, weights_count] or null
  std::span<const std::int64_t> weight_heads;  // empty: all of them
  std::int64_t weights_count;
  float* logsumexp = nullptr;  // [batch, heads, queries] or null
};

/// Fills in where the keys and values of one head lie that a batch row reads (see AttentionRun).
using FindParts = FunctionRef<void(std::int64_t row, std::int64_t kv_head, std::vector<KeyPart>& parts)>;

void attend(const HeadedAttention& attention, FindParts find_parts, const RunLimits& limits);

}  // namespace pyseq
