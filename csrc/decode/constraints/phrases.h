// Phrases that a hypothesis must contain (lexical constraints). A phrase is met where its tokens stand one after the
// other; phrases may overlap. Every phrase is followed by a matching automaton of its own (Knuth, Morris, Pratt), so
// that a hypothesis which abandons a phrase falls back to exactly the part of it that its last tokens still are.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pyseq {

class Phrases {
 public:
  /// Tokens met of every phrase: its length once it is met, for good.
  using State = std::vector<std::int32_t>;

  Phrases() = default;
  /// ValueError: an empty phrase.
  explicit Phrases(std::vector<std::vector<std::int64_t>> phrases);
  /// IndexError or ValueError: a token outside the vocabulary, or the end mark; `source` is named.
  void check(std::int64_t vocabulary, std::int64_t end, std::int64_t source) const;

  bool empty() const { return phrases_.empty(); }
  State start() const { return State(phrases_.size(), 0); }
  State next(const State& state, std::int64_t token) const;
  bool is_met(const State& state) const { return tokens_met(state) == num_tokens_; }
  /// The bank of a hypothesis.
  std::int64_t tokens_met(const State& state) const;
  std::int64_t num_tokens() const { return num_tokens_; }
  /// Tokens of all phrases that are not met, as if nothing of them were: at most this many more are needed.
  std::int64_t tokens_of_unmet(const State& state) const;
  /// Every token of a phrase, ascending.
  std::vector<std::int64_t> tokens() const;
  /// Tokens that go on with a phrase which is not met yet, ascending.
  std::vector<std::int64_t> wanted(const State& state) const;
  /// Whether all phrases can be met within `room` more tokens.
  bool fits(const State& state, std::int64_t room) const;

 private:
  std::int32_t advance(std::size_t phrase, std::int32_t met, std::int64_t token) const;
  bool search_within(const State& state, std::int64_t room) const;

  std::vector<std::vector<std::int64_t>> phrases_;
  std::vector<std::vector<std::int32_t>>
      shorter_;  // [n]: the longest proper beginning that the first n tokens end with
  std::int64_t num_tokens_ = 0;
};

}  // namespace pyseq
