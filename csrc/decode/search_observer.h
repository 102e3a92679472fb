// What looks on while a search runs, and sees every candidate with what became of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "decode/token_tree.h"

namespace pyseq {

enum class Fate {
  alive,          // goes on
  finished,       // has ended, or was cut at max_length
  outside,        // not among the best of its beam
  ended_outside,  // has ended there: it may not take the place of one that has finished
  banned,         // `rule` does not let it come
  not_forced,     // another token was forced
  not_drawn,      // another token was drawn
};

struct ObservedCandidate {
  TokenTree::Node parent = TokenTree::kRoot;
  TokenTree::Node node = TokenTree::kRoot;  // kRoot for a candidate that was not taken
  std::int64_t token = 0;
  float token_log_prob = 0;
  double log_prob = 0;  // of the hypothesis
  double rank = 0;      // what it was ranked by: differs from log_prob with a diversity penalty
  Fate fate = Fate::alive;
  double score = 0;  // of a finished one
  std::string rule;  // of a banned one
};

struct ObservedStep {
  std::int64_t source;
  std::int64_t beam;                              // of the source: a group, an alternative or a sample
  std::int64_t length;                            // tokens of the candidates
  bool done_early;                                // what is alive does not go on: enough is finished
  std::span<const ObservedCandidate> candidates;  // those that were ranked, best first, then others
};

struct ObservedResult {
  std::int64_t source, beam;
  TokenTree::Node node;
  double score;
  bool finished;
};

class SearchObserver {
 public:
  virtual ~SearchObserver() = default;
  /// Called by one thread, source after source.
  virtual void on_candidates(const ObservedStep& step) = 0;
  /// At the end, for each of the hypotheses that come back, in their order.
  virtual void on_result(const ObservedResult& result) = 0;
};

}  // namespace pyseq
