// A look ahead under several constraints at once. Each of them alone may still be met where no continuation meets them
// all: a search that looks at one after the other would walk into dead ends. The product of their automata is explored
// before a search, as far as it is of a reasonable size, and tells how many tokens every joint state is from an output
// that all of them accept.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decode/constraints/phrases.h"
#include "pyseq/constraints.h"

namespace pyseq {

class JointLookahead {
 public:
  using Automata = std::vector<std::shared_ptr<const TokenAutomaton>>;

  struct Limits {
    std::int64_t min_length = 0;  // tokens before an output may end
    std::int64_t max_length = 0;
    std::vector<bool> banned{};          // [vocabulary] tokens that never come; empty: none
    std::vector<std::int64_t> prefix{};  // forced: outputs begin with it
  };

  /// Nothing where one constraint alone decides: it knows for itself what leads to a dead end.
  static std::shared_ptr<const JointLookahead> make(const Automata& automata, const Phrases& phrases,
                                                    const Limits& limits, std::int64_t vocabulary, std::int64_t end);

  /// False: there are too many joint states, nothing is known.
  bool is_known() const { return is_known_; }
  /// Whether any output is accepted; true where nothing is known.
  bool is_possible() const;
  /// "regular expression, phrases, suppressed tokens"
  const std::string& names() const { return names_; }

  /// Scores [vocabulary] of the tokens after which no output that everything accepts fits into `room` tokens (that one
  /// included) become -inf; the end mark is left to the caller.
  void restrict(std::span<const TokenAutomaton::State> states, const Phrases::State& phrases, std::int64_t room,
                std::span<float> scores) const;

 private:
  /// States of the automata, tokens met of the phrases, tokens that min_length still asks for.
  using Key = std::vector<std::int64_t>;
  using Node = std::int64_t;
  static constexpr Node kNone = -1;

  struct Way {
    std::int64_t tokens_left = TokenAutomaton::kNever;
    std::int64_t most_left = 0;  // the largest tokens_left behind any token that may follow
  };

  JointLookahead(const Automata& automata, const Phrases& phrases, const Limits& limits, std::int64_t vocabulary,
                 std::int64_t end);
  class Explorer;
  class Successors;

  bool may_come(std::int64_t token) const { return token != end_ && (banned_.empty() || !banned_[at(token)]); }
  static std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }
  Key key_of(std::span<const TokenAutomaton::State> states, const Phrases::State& phrases, std::int64_t length) const;
  bool accepts(const Key& key) const;
  Node find(const Key& key) const;
  std::int64_t tokens_left(Node node) const;

  Automata automata_;
  Phrases phrases_;
  std::vector<std::int64_t> phrase_tokens_;
  std::int64_t min_length_, max_length_, vocabulary_, end_;
  std::vector<bool> banned_;
  std::string names_;
  bool is_known_ = true;
  std::map<Key, Node> nodes_;
  std::vector<Way> ways_;
  Node start_ = kNone;
};

}  // namespace pyseq
