#include "decode/constraints/constraint_tracker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "decode/constraints/beam_banks.h"

namespace pyseq {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

}  // namespace

ConstraintTracker::ConstraintTracker(const Automata& common, const Automata& own,
                                     std::vector<std::vector<std::int64_t>> phrases, std::int64_t end)
    : automata_(common), phrases_(std::move(phrases)), end_(end) {
  automata_.insert(automata_.end(), own.begin(), own.end());
  for (const auto& automaton : automata_) automaton_states_.push_back(automaton->start());
  phrase_states_.push_back(phrases_.start());
}

ConstraintTracker::State ConstraintTracker::extend(State state, std::int64_t token) {
  if (token == end_) return state;
  for (std::size_t i = 0; i < automata_.size(); ++i) {
    const TokenAutomaton::State before = automaton_state(state, i);
    const bool is_dead = before == TokenAutomaton::kDead;
    automaton_states_.push_back(is_dead ? before : automata_[i]->next(before, token));
  }
  phrase_states_.push_back(phrases_.next(phrases_of(state), token));
  return static_cast<State>(phrase_states_.size()) - 1;
}

bool ConstraintTracker::is_complete(State state) const {
  for (std::size_t i = 0; i < automata_.size(); ++i) {
    const TokenAutomaton::State at = automaton_state(state, i);
    if (at == TokenAutomaton::kDead || !automata_[i]->is_accepting(at)) return false;
  }
  return phrases_.is_met(phrases_of(state));
}

void ConstraintTracker::restrict(State state, std::int64_t room, std::span<float> log_probs) const {
  const float end = end_ == kNoEndMark ? kNever : log_probs[static_cast<std::size_t>(end_)];
  for (std::size_t i = 0; i < automata_.size(); ++i) {
    const TokenAutomaton::State at = automaton_state(state, i);
    if (at == TokenAutomaton::kDead) {
      std::fill(log_probs.begin(), log_probs.end(), kNever);
    } else {
      automata_[i]->restrict(at, room, log_probs);
    }
  }
  leave_room_for_phrases(state, room, log_probs);
  if (joint_) joint_->restrict(states_of(state), phrases_of(state), room, log_probs);
  if (end_ != kNoEndMark) log_probs[static_cast<std::size_t>(end_)] = is_complete(state) ? end : kNever;
}

void ConstraintTracker::leave_room_for_phrases(State state, std::int64_t room, std::span<float> log_probs) const {
  const Phrases::State& before = phrases_of(state);
  if (phrases_.empty() || phrases_.tokens_of_unmet(before) < room) return;
  // Tokens of no phrase all lead to the same state.
  const std::vector<std::int64_t> known = phrases_.tokens();
  const std::int64_t other = -1;
  std::vector<std::pair<std::int64_t, float>> kept;
  for (const std::int64_t token : known) {
    if (phrases_.fits(phrases_.next(before, token), room - 1)) {
      kept.emplace_back(token, log_probs[static_cast<std::size_t>(token)]);
    }
  }
  if (phrases_.fits(phrases_.next(before, other), room - 1)) {
    for (const std::int64_t token : known) log_probs[static_cast<std::size_t>(token)] = kNever;
  } else {
    std::fill(log_probs.begin(), log_probs.end(), kNever);
  }
  for (const auto& [token, log_prob] : kept) log_probs[static_cast<std::size_t>(token)] = log_prob;
}

std::string ConstraintTracker::reason(State state, std::int64_t room, std::int64_t token,
                                      std::int64_t vocabulary) const {
  std::vector<float> scores(static_cast<std::size_t>(vocabulary));
  const auto is_banned = [&] { return std::isinf(scores[static_cast<std::size_t>(token)]); };
  for (std::size_t i = 0; i < automata_.size(); ++i) {
    const TokenAutomaton& automaton = *automata_[i];
    const TokenAutomaton::State at = automaton_state(state, i);
    if (at == TokenAutomaton::kDead) return automaton.name();
    if (token == end_) {
      if (!automaton.is_accepting(at)) return automaton.name();
    } else {
      automaton.restrict(at, room, scores);
      if (is_banned()) return automaton.name();
    }
  }
  if (token == end_) return phrases_.is_met(phrases_of(state)) ? "" : "phrases";
  leave_room_for_phrases(state, room, scores);
  if (is_banned()) return "phrases";
  if (joint_) joint_->restrict(states_of(state), phrases_of(state), room, scores);
  return is_banned() ? joint_->names() : "";
}

std::int64_t ConstraintTracker::bank(State state, std::int64_t token) const {
  return phrases_.tokens_met(token == end_ ? phrases_of(state) : phrases_.next(phrases_of(state), token));
}

std::vector<Candidate> order_by_banks(std::span<const Candidate> candidates, std::span<const std::int64_t> banks) {
  std::vector<Candidate> result;
  for (const std::size_t candidate : order_by_banks(banks)) result.push_back(candidates[candidate]);
  return result;
}

}  // namespace pyseq
