// What the hypotheses of one beam have met of their source's constraints: automata that allow tokens, phrases that must
// come. A row of the beam carries a number; the states that it stands for are kept here.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "decode/constraints/joint_lookahead.h"
#include "decode/constraints/phrases.h"
#include "decode/top_candidates.h"
#include "pyseq/constraints.h"

namespace pyseq {

class ConstraintTracker {
 public:
  using State = std::int64_t;
  static constexpr State kStart = 0;

  using Automata = std::vector<std::shared_ptr<const TokenAutomaton>>;

  /// `common` are the automata of all sources, `own` those of this one.
  ConstraintTracker(const Automata& common, const Automata& own, std::vector<std::vector<std::int64_t>> phrases,
                    std::int64_t end);

  /// The constraints as a whole, for JointLookahead::make.
  const Automata& automata() const { return automata_; }
  const Phrases& phrases() const { return phrases_; }
  /// From now on restrict() keeps out of what they lead to together, too; null: it does not.
  void look_ahead(std::shared_ptr<const JointLookahead> joint) { joint_ = std::move(joint); }

  State extend(State state, std::int64_t token);
  /// Log probabilities [vocabulary] of what may not come after `state` become -inf, with `room` tokens left for all
  /// that follows. The end mark may come when every automaton accepts and every phrase is met.
  void restrict(State state, std::int64_t room, std::span<float> log_probs) const;
  /// Which constraint keeps `token` from coming; nothing: none does.
  std::string reason(State state, std::int64_t room, std::int64_t token, std::int64_t vocabulary) const;

  bool has_phrases() const { return !phrases_.empty(); }
  bool is_complete(State state) const;
  /// Tokens of phrases that are met when `token` comes after `state`.
  std::int64_t bank(State state, std::int64_t token) const;
  std::vector<std::int64_t> wanted(State state) const { return phrases_.wanted(phrases_of(state)); }

 private:
  TokenAutomaton::State automaton_state(State state, std::size_t automaton) const {
    return automaton_states_[static_cast<std::size_t>(state) * automata_.size() + automaton];
  }
  std::span<const TokenAutomaton::State> states_of(State state) const {
    return std::span(automaton_states_).subspan(static_cast<std::size_t>(state) * automata_.size(), automata_.size());
  }
  const Phrases::State& phrases_of(State state) const { return phrase_states_[static_cast<std::size_t>(state)]; }
  void leave_room_for_phrases(State state, std::int64_t room, std::span<float> log_probs) const;

  Automata automata_;
  Phrases phrases_;
  std::int64_t end_;
  std::shared_ptr<const JointLookahead> joint_;
  std::vector<TokenAutomaton::State> automaton_states_;  // [states, automata]
  std::vector<Phrases::State> phrase_states_;            // [states]
};

/// Candidates, best first, in the order in which they get places in a beam (dynamic beam allocation).
std::vector<Candidate> order_by_banks(std::span<const Candidate> candidates, std::span<const std::int64_t> banks);

}  // namespace pyseq
