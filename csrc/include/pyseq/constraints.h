// What a search may write: automata over tokens. Every hypothesis that comes back is accepted by all automata of its
// search; where no such hypothesis exists (or none was found by the beam), fewer come back, or none.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/error.h"

namespace pyseq {

/// The end mark of models that have none: what they write ends at max_length, or where constraints allow no more.
inline constexpr std::int64_t kNoEndMark = std::numeric_limits<std::int64_t>::min();

/// A deterministic automaton over tokens. Immutable as seen from outside, usable from many threads at once.
class TokenAutomaton {
 public:
  using State = std::int64_t;
  static constexpr State kDead = -1;                                                // nothing that goes on is accepted
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();  // of tokens_left

  virtual ~TokenAutomaton() = default;
  virtual State start() const = 0;
  virtual State next(State state, std::int64_t token) const = 0;
  /// Calls visit(token, state behind it) for every token that leads from `state` to one that is not dead.
  virtual void visit_next(State state, const std::function<void(std::int64_t, State)>& visit) const = 0;
  /// Tokens of the shortest sequence that is accepted from here: 0 for an accepting state, where the end mark may
  /// follow.
  virtual std::int64_t tokens_left(State state) const = 0;
  /// Scores [vocabulary] of the tokens after which no accepted sequence fits into `room` tokens (that one included)
  /// become -inf. The end mark is the caller's: it may follow an accepting state and no other.
  virtual void restrict(State state, std::int64_t room, std::span<float> scores) const = 0;
  /// ValueError: the automaton was made for another vocabulary, or knows the end mark as a token.
  virtual void check(std::int64_t vocabulary, std::int64_t end) const = 0;
  /// What it is called in a trace: "trie", "regular expression".
  virtual std::string name() const = 0;

  bool is_accepting(State state) const { return tokens_left(state) == 0; }
};

/// Accepts exactly these sequences. ValueError: no sequence, or a negative token.
std::shared_ptr<const TokenAutomaton> token_trie(const std::vector<std::vector<std::int64_t>>& sequences);

/// Accepts the token sequences whose texts, joined by `separator`, match the whole pattern
/// (csrc/decode/constraints/regex_syntax.h has the syntax). token_texts[n] is the text of token n; a token without text
/// (a mark) is never allowed. ValueError: no such pattern, or one that takes too many states.
std::shared_ptr<const TokenAutomaton> regex_automaton(std::string_view pattern, std::vector<std::string> token_texts,
                                                      const std::string& separator = "");

/// Whether a whole text matches a pattern. ValueError: no such pattern.
bool regex_matches(std::string_view pattern, std::string_view text);

}  // namespace pyseq
