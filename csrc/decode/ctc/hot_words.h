// Phrases that gain a boost: an automaton (Aho-Corasick) over their spellings.
//
// A phrase's boost is earned when it is complete; on the way there, a part of it is lent in proportion to the tokens
// seen, so that the beam keeps it, and taken back where the phrase breaks off. Every sequence of tokens thus gains the
// boosts of the phrases in it, no more. Between separators, phrases begin and end with one.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "pyseq/ctc_decoder.h"

namespace pyseq {

class CtcHotWords {
 public:
  struct Step {
    std::int32_t state;
    double gain;
  };

  CtcHotWords(std::span<const CtcHotWord> phrases, std::int64_t separator);

  bool empty() const { return nodes_.size() == 1; }
  std::int32_t start() const { return start_; }
  Step step(std::int32_t state, std::int64_t token) const;
  /// What the end of the utterance gains: phrases that end there, less what is only lent.
  double finish(std::int32_t state) const;
  /// No step gains more.
  double most_gain() const { return most_gain_; }

 private:
  struct Node {
    std::vector<std::pair<std::int64_t, std::int32_t>> children;  // ascending tokens
    std::int32_t fallback = 0;                                    // the longest proper suffix that is a node
    double lent = 0, earned = 0;
  };

  std::int32_t child(std::int32_t node, std::int64_t token) const;
  void add(const CtcHotWord& phrase);
  void link();

  std::vector<Node> nodes_{1};
  std::int64_t separator_;
  std::int32_t start_ = 0;
  double most_gain_ = 0;
};

}  // namespace pyseq
