// The gradient of attention, without the matrix of all scores.
#pragma once

#include "base/arena.h"
#include "ops/attend.h"

namespace pyseq {

struct AttentionGradient {
  std::int64_t batch, sources, heads, kv_heads, queries, keys, head_dim, value_dim;
  const float* query;              // [batch, queries, heads * head_dim]
  const float* key;                // [sources, keys, kv_heads * head_dim]
  const float* value;              // [sources, keys, kv_heads * value_dim]
  const float* y;                  // [batch, queries, heads * value_dim]
  const float* logsumexp;          // [batch, heads, queries]
  const float* dy;                 // as y
  const std::int64_t* rows;        // [batch] or null: the source of every row
  const std::int64_t* lengths;     // [sources] or null: keys of every source
  const std::int64_t* key_begins;  // [batch, queries] or null
  const std::int64_t* key_ends;    // [batch, queries]
  float scale;
  AttentionBias bias;
  const float* slopes;  // [heads] or null
  // Each like what it is the gradient of, or null when it is not wanted.
  float* dquery;
  float* dkey;
  float* dvalue;
  float* dbias;
  float* dslopes;
};

/// Blocks of queries meet blocks of keys; probabilities are computed again from the log-sum-exp of the forward. One
/// task owns a head of a source: it walks over the rows, heads and queries that read it in ascending order, so sums
/// have one order for any number of threads. The gradient of the bias, which many heads and rows may share, takes a
/// pass of its own.
void attention_gradient(const AttentionGradient& gradient, Arena& scratch, const RunLimits& limits);

}  // namespace pyseq
