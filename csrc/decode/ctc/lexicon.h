// The words that a decoder may write: a trie of their spellings in flat arrays.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pyseq/ctc_decoder.h"

namespace pyseq {

class CtcLexicon {
 public:
  using Node = std::int32_t;
  static constexpr Node kRoot = 0;

  struct Child {
    std::int32_t token;
    Node node;
  };

  /// values[n] is what word n is worth on its own: it is looked ahead to from all beginnings of its spellings.
  CtcLexicon(std::span<const CtcLexiconEntry> entries, std::span<const double> values);

  std::span<const Child> children(Node node) const { return part(children_, child_begin_, node); }
  /// Words whose spelling ends here.
  std::span<const std::int32_t> words(Node node) const { return part(words_, word_begin_, node); }
  /// The largest value of the words from here on; 0 at the root.
  double lookahead(Node node) const { return lookahead_[static_cast<std::size_t>(node)]; }

 private:
  template <typename T>
  static std::span<const T> part(const std::vector<T>& all, const std::vector<std::int32_t>& begin, Node node) {
    const auto n = static_cast<std::size_t>(node);
    return {all.data() + begin[n], all.data() + begin[n + 1]};
  }

  std::vector<Child> children_;  // of node 0, of node 1, ..., ascending tokens
  std::vector<std::int32_t> words_, child_begin_, word_begin_;
  std::vector<double> lookahead_;
};

}  // namespace pyseq
