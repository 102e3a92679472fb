// Label sequences as nodes of a tree: equal sequences are one node, found by a hash table. Beside it, the times of
// tokens on the likeliest paths. Both grow by at most a beam per frame; what no hypothesis reaches any more is dropped
// when there is much of it, so that a stream of any length takes bounded memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decode/ctc/fusion.h"

namespace pyseq {

struct CtcPrefix {
  static constexpr std::int32_t kNone = -1;
  static constexpr NgramModel::Word kNotSpelled = -3;

  std::int32_t parent = kNone;
  std::int32_t token = kNone;              // its last one
  std::int32_t word = kNone;               // of the lexicon, which that token completes
  std::int32_t place = kNone;              // in the beam
  NgramModel::Word spelled = kNotSpelled;  // the unfinished word's number, once it has been looked up
  CtcContext context;
};

class CtcPrefixTree {
 public:
  explicit CtcPrefixTree(const CtcContext& root);

  static constexpr std::int32_t kRoot = 0;

  CtcPrefix& operator[](std::int32_t node) { return nodes_[static_cast<std::size_t>(node)]; }
  const CtcPrefix& operator[](std::int32_t node) const { return nodes_[static_cast<std::size_t>(node)]; }
  std::int32_t size() const { return static_cast<std::int32_t>(nodes_.size()); }

  /// The node of a prefix with one token more, or kNone.
  std::int32_t find(std::int32_t parent, std::int32_t token, std::int32_t word) const;
  /// Adds a node that find() has not found.
  std::int32_t add(std::int32_t parent, std::int32_t token, std::int32_t word, const CtcContext& context);
  /// Keeps `live` and their parents; their numbers are changed where they stand.
  void collect(std::span<std::int32_t* const> live);

 private:
  std::size_t slot(std::int32_t parent, std::int32_t token, std::int32_t word) const;
  void rebuild(std::size_t slots);

  std::vector<CtcPrefix> nodes_;
  std::vector<std::int32_t> table_;  // open addressing; a power of two, at most half full
};

/// A token's first frame, and what was known of the token before it when it began.
struct CtcTime {
  std::int32_t before = -1;  // the time of the token before it
  std::int32_t start = 0;
  std::int32_t end_before = 0;  // the frame behind the last of the token before it
  double log_prob_before = 0;   // of that token over its frames
};

/// The likeliest path that the beam has followed to a prefix.
struct CtcTrail {
  double log_prob = 0;
  double token_log_prob = 0;  // of the last token over its frames
  std::int32_t time = -1;     // of the last token
  std::int32_t end = 0;       // the frame behind the last of that token
};

/// Keeps what `live` reach; their numbers are changed where they stand.
void collect_times(std::vector<CtcTime>& times, std::span<std::int32_t* const> live);

}  // namespace pyseq
