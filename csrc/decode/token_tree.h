// Hypotheses under construction: a tree of tokens in which beams share the nodes of their common past, so that
// extending a hypothesis costs one node and never a copy.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pyseq/decode.h"

namespace pyseq {

class TokenTree {
 public:
  using Node = std::int64_t;
  static constexpr Node kRoot = -1;

  /// `row` is the row of the model that predicted the token.
  Node extend(Node parent, std::int64_t token, float log_prob, std::int64_t row);

  /// The path from the root to `node` without its score. `attention` has what every step so far attended to,
  /// [rows, source positions] each, or is empty.
  Hypothesis hypothesis(Node node, std::int64_t end_mark, std::span<const Tensor> attention) const;

 private:
  struct Entry {
    Node parent;
    std::int64_t token;
    std::int64_t row;
    float log_prob;
  };
  std::vector<Entry> entries_;
};

}  // namespace pyseq
