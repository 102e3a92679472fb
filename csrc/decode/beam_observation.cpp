// What an observer is told of a step of a beam: every candidate and what became of it.
#include "decode/beam.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "decode/log_probs.h"

namespace pyseq {
namespace {

constexpr std::size_t kObservedPerRow = 16;  // or as many as a step looks at, where that is more

}  // namespace

void Beam::observe(const Candidate& candidate, std::int64_t vocabulary, TokenTree::Node node, Fate fate) {
  if (setup_.options.observer == nullptr) return;
  const Row& parent = rows_[static_cast<std::size_t>(candidate.index / vocabulary)];
  ObservedCandidate observed;
  observed.parent = parent.node;
  observed.node = node;
  observed.token = candidate.index % vocabulary;
  observed.token_log_prob = log_probs_[static_cast<std::size_t>(candidate.index)];
  observed.log_prob = candidate.log_prob;
  observed.rank = rank_of(candidate, vocabulary);
  observed.fate = fate;
  if (fate == Fate::finished) observed.score = finished_.back().score;
  observed_.push_back(std::move(observed));
}

// The likeliest tokens of every row that were not even looked at: those that nothing left room for, and those that may
// not come.
void Beam::observe_others(std::span<const Candidate> found, const StepAnswer& answer) {
  std::set<std::int64_t> known;
  for (const Candidate& candidate : found) known.insert(candidate.index);
  const auto count = std::max<std::size_t>(kObservedPerRow, 2 * static_cast<std::size_t>(plan_.width));
  std::vector<float> raw(static_cast<std::size_t>(answer.vocabulary));
  const double nothing = 0;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const std::size_t first = row * static_cast<std::size_t>(answer.vocabulary);
    const std::span<const float> logits(answer.logits + first, raw.size());
    const bool are_log_probs = !answer.are_scores && log_softmax_row(logits.data(), answer.vocabulary, raw.data());
    if (!are_log_probs) std::copy(logits.begin(), logits.end(), raw.begin());
    for (const Candidate& likely : top_candidates({&nothing, 1}, raw.data(), answer.vocabulary, count)) {
      const std::int64_t index = static_cast<std::int64_t>(first) + likely.index;
      if (known.count(index) > 0) continue;
      ObservedCandidate other;
      other.parent = rows_[row].node;
      other.token = likely.index;
      const bool is_banned = !is_forced() && std::isinf(log_probs_[static_cast<std::size_t>(index)]);
      other.token_log_prob =
          is_banned ? raw[static_cast<std::size_t>(likely.index)] : log_probs_[static_cast<std::size_t>(index)];
      other.log_prob = rows_[row].log_prob + other.token_log_prob;
      other.rank = other.log_prob;
      other.fate = is_banned     ? Fate::banned
                   : is_forced() ? Fate::not_forced
                   : sampler_    ? Fate::not_drawn
                                 : Fate::outside;
      if (is_banned) other.rule = why_banned(rows_[row], logits, likely.index);
      observed_.push_back(std::move(other));
    }
  }
}

std::string Beam::why_banned(const Row& row, std::span<const float> logits, std::int64_t token) {
  const std::string rule = setup_.rules.reason(position_after(row), logits, token);
  if (!rule.empty() || !constraints_) return rule;
  return constraints_->reason(row.state, room(), token, static_cast<std::int64_t>(logits.size()));
}

}  // namespace pyseq
