// Hypotheses under construction: a tree of tokens in which beams share the nodes of their common past, so that
// extending a hypothesis costs one node and never a copy.
#pragma once

#include <cstdint>
#include <vector>

namespace pyseq {

class TokenTree {
 public:
  using Node = std::int64_t;
  static constexpr Node kRoot = -1;

  struct Entry {
    Node parent;
    std::int64_t token;
    std::int64_t row;  // of the model, which predicted the token
    float log_prob;
  };

  Node extend(const Entry& entry);
  /// From the first token to `node`.
  std::vector<Entry> path(Node node) const;
  /// The same, tokens alone, into a vector that is used again.
  void tokens(Node node, std::vector<std::int64_t>& result) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace pyseq
