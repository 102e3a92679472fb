// A rule over the tokens of a hypothesis, as an automaton that reads them: a trie of allowed texts, a regular
// expression, phrases that must come. Every row of a beam carries the state that its tokens have led to.
#pragma once

#include <cstdint>
#include <span>

namespace pyseq {

class TokenAutomaton {
 public:
  using State = std::int64_t;

  virtual ~TokenAutomaton() = default;
  /// Where a hypothesis without tokens is.
  virtual State start() const = 0;
  /// Where `token` leads; it is one that restrict() has left possible, or a forced one.
  virtual State next(State state, std::int64_t token) const = 0;
  /// Makes what may not come after `state` impossible: log_probs[vocabulary] of it becomes -inf. The end mark is a
  /// token like others here. Called after the softmax: probabilities stay those of the model.
  virtual void restrict(State state, std::span<float> log_probs) const = 0;
};

}  // namespace pyseq
