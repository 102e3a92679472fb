// What looks on while a search runs, and sees every candidate with what became of it.
#pragma once

#include <cstdint>
#include <span>

#include "decode/token_tree.h"

namespace pyseq {

enum class Fate {
  alive,          // goes on
  finished,       // has ended, or was cut at max_length
  outside,        // not among the best of its beam
  ended_outside,  // has ended there: it may not take the place of one that has finished
};

struct ObservedCandidate {
  TokenTree::Node parent;
  TokenTree::Node node;  // kRoot for a candidate that was not taken
  std::int64_t token;
  double log_prob;  // of the hypothesis
  Fate fate;
};

struct ObservedStep {
  std::int64_t source;
  std::int64_t beam;                              // of the source: a group, an alternative or a sample
  std::int64_t length;                            // tokens of the candidates
  std::span<const ObservedCandidate> candidates;  // best first
};

class SearchObserver {
 public:
  virtual ~SearchObserver() = default;
  /// Called by one thread, source after source.
  virtual void on_candidates(const ObservedStep& step) = 0;
};

}  // namespace pyseq
