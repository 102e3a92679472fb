// Hypotheses of a beam as its callers see them.
#include "decode/beam.h"

#include <algorithm>
#include <utility>

namespace pyseq {

Hypothesis Beam::hypothesis(const Finished& finished, std::span<const Tensor> attention) const {
  std::vector<TokenTree::Entry> path = tree_.path(finished.node);
  Hypothesis result;
  result.score = finished.score;
  for (std::size_t t = 0; t < path.size(); ++t) {
    result.ids.push_back(path[t].token);
    result.token_log_probs.push_back(path[t].log_prob);
    if (top_tokens_.empty()) continue;
    const TopTokens& step = top_tokens_[t];
    result.top_tokens.push_back(step.rows[static_cast<std::size_t>(path[t].row - step.first_row)]);
  }
  result.finished = !path.empty() && path.back().token == setup_.marks.end;
  if (result.finished) {
    result.ids.pop_back();
    path.pop_back();
  }
  if (attention.empty() || !setup_.options.return_attention) return result;

  // The rows that predicted the tokens, one under the other.
  const std::int64_t positions = attention[0].size(1);
  result.attention = Tensor::empty(DType::float32, {static_cast<std::int64_t>(path.size()), positions});
  float* out = result.attention.mutable_data<float>();
  for (std::size_t t = 0; t < path.size(); ++t) {
    out = std::copy_n(attention[t].data<float>() + path[t].row * positions, positions, out);
  }
  return result;
}

LiveHypothesis Beam::live(const Row& row) const {
  LiveHypothesis result;
  tree_.tokens(row.node, result.ids);
  result.log_prob = row.log_prob;
  result.score = setup_.score(row.log_prob, length_, row.coverage);
  return result;
}

LiveHypothesis Beam::live(const Finished& finished) const {
  LiveHypothesis result;
  tree_.tokens(finished.node, result.ids);
  if (!result.ids.empty() && result.ids.back() == setup_.marks.end) result.ids.pop_back();
  result.log_prob = finished.log_prob;
  result.score = finished.score;
  return result;
}

}  // namespace pyseq
