// Arguments that attention and cached_attention share: heads, scale, what is added to scores, window, wanted weights.
#pragma once

#include <string>

#include "base/arena.h"
#include "ops/attend.h"
#include "ops/checks.h"

namespace pyseq {

struct HeadCounts {
  std::int64_t heads, kv_heads;
};

/// Where the shared optional inputs and attributes stand in the op.
struct AttentionInputs {
  int bias, slopes, relative;
};
struct AttentionAttributes {
  int num_heads, scale, num_kv_heads, window, weight_heads;
};

/// num_heads and num_kv_heads (0 stands for num_heads). ValueError unless they divide.
HeadCounts checked_heads(const OpArgs& args, const AttentionAttributes& at);
/// Scale, window and weight_heads.
void check_attributes(const OpArgs& args, const AttentionAttributes& at, std::int64_t heads);
/// bias [.., tq, keys or more], slopes [heads], relative [heads, 2 reach + 1]; `keys` is -1 where only the run knows
/// them.
void check_score_inputs(const OpArgs& args, const AttentionInputs& in, std::int64_t heads, std::int64_t keys);

float attention_scale(double scale, std::int64_t head_dim);
AttentionBias attention_bias(const OpArgs& args, int input);
/// The bias of every distance, for queries and keys at positions below `positions`: one row of values per head, in
/// which the values of a query begin one place before those of the query before it. `first`: the position of query 0.
AttentionBias relative_bias(const Tensor& relative, std::int64_t positions, std::int64_t first, Arena& scratch);
/// Gradients of the scores [heads, queries, keys] -> their sums per head and distance, like `relative`.
void sum_distances(const float* scores, std::int64_t queries, std::int64_t keys, std::int64_t first, Tensor& relative);
/// Heads whose weights are given: as many as the list, or all for an empty one.
std::int64_t weight_head_count(const OpArgs& args, const AttentionAttributes& at, std::int64_t heads);

std::string quote_shape(std::string_view name, const Tensor& tensor);

}  // namespace pyseq
