#include "decode/token_tree.h"

#include <algorithm>

namespace pyseq {
namespace {

// rows[t] of attention[t], one under the other: [rows.size(), source positions].
Tensor gather_attention(std::span<const std::int64_t> rows, std::span<const Tensor> attention) {
  const std::int64_t positions = attention[0].size(1);
  Tensor result = Tensor::empty(DType::float32, {static_cast<std::int64_t>(rows.size()), positions});
  float* out = result.mutable_data<float>();
  for (std::size_t t = 0; t < rows.size(); ++t) {
    const float* row = attention[t].data<float>() + rows[t] * positions;
    out = std::copy(row, row + positions, out);
  }
  return result;
}

}  // namespace

TokenTree::Node TokenTree::extend(Node parent, std::int64_t token, float log_prob, std::int64_t row) {
  entries_.push_back({parent, token, row, log_prob});
  return static_cast<Node>(entries_.size()) - 1;
}

Hypothesis TokenTree::hypothesis(Node node, std::int64_t end_mark, std::span<const Tensor> attention) const {
  Hypothesis result;
  std::vector<std::int64_t> rows;
  for (; node != kRoot; node = entries_[node].parent) {
    result.ids.push_back(entries_[node].token);
    result.token_log_probs.push_back(entries_[node].log_prob);
    rows.push_back(entries_[node].row);
  }
  std::reverse(result.ids.begin(), result.ids.end());
  std::reverse(result.token_log_probs.begin(), result.token_log_probs.end());
  std::reverse(rows.begin(), rows.end());

  result.finished = !result.ids.empty() && result.ids.back() == end_mark;
  if (result.finished) {
    result.ids.pop_back();
    rows.pop_back();
  }
  if (!attention.empty()) result.attention = gather_attention(rows, attention);
  return result;
}

}  // namespace pyseq
