#include "decode/ctc/lexicon.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace pyseq {

// Words sorted by spelling: the spellings that share a beginning stand side by side, so that the trie is made breadth
// first from ranges of them, without maps.
CtcLexicon::CtcLexicon(std::span<const CtcLexiconEntry> entries, std::span<const double> values) {
  std::vector<std::int32_t> sorted(entries.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  const auto spelling = [&](std::int32_t word) -> const std::vector<std::int64_t>& {
    return entries[static_cast<std::size_t>(word)].spelling;
  };
  std::stable_sort(sorted.begin(), sorted.end(), [&](auto a, auto b) { return spelling(a) < spelling(b); });

  struct Range {
    std::size_t begin, end, depth;
  };
  std::vector<Range> nodes{{0, sorted.size(), 0}};
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    const Range range = nodes[node];
    std::size_t at = range.begin;
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t i = range.begin; i < range.end; ++i) {
      best = std::max(best, values[static_cast<std::size_t>(sorted[i])]);
    }
    lookahead_.push_back(node == kRoot ? 0 : best);
    word_begin_.push_back(static_cast<std::int32_t>(words_.size()));
    for (; at < range.end && spelling(sorted[at]).size() == range.depth; ++at) words_.push_back(sorted[at]);
    child_begin_.push_back(static_cast<std::int32_t>(children_.size()));
    while (at < range.end) {
      const std::int64_t token = spelling(sorted[at])[range.depth];
      const std::size_t first = at;
      while (at < range.end && spelling(sorted[at])[range.depth] == token) ++at;
      children_.push_back({static_cast<std::int32_t>(token), static_cast<Node>(nodes.size())});
      nodes.push_back({first, at, range.depth + 1});
    }
  }
  word_begin_.push_back(static_cast<std::int32_t>(words_.size()));
  child_begin_.push_back(static_cast<std::int32_t>(children_.size()));
}

}  // namespace pyseq
