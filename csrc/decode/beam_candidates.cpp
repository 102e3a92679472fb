// The continuations that a step of a beam looks at, best first.
#include "decode/beam.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "decode/log_probs.h"

namespace pyseq {

std::vector<Candidate> Beam::candidates(std::int64_t vocabulary, std::span<const float> penalties) {
  if (is_forced()) return {forced_candidate()};
  if (sampler_) return draw(vocabulary);
  const std::size_t count = 2 * static_cast<std::size_t>(plan_.width);
  std::vector<Candidate> found;
  if (!penalties.empty()) {
    found = penalised(vocabulary, penalties, count);
  } else {
    std::vector<double> totals(rows_.size());
    std::transform(rows_.begin(), rows_.end(), totals.begin(), [](const Row& row) { return row.log_prob; });
    found = top_candidates(totals, log_probs_.data(), vocabulary, count);
  }
  if (constraints_ && constraints_->has_phrases()) return spread_over_banks(std::move(found), vocabulary);
  return found;
}

double Beam::rank_of(const Candidate& candidate, std::int64_t vocabulary) const {
  return candidate.log_prob -
         (penalties_.empty() ? 0.0f : penalties_[static_cast<std::size_t>(candidate.index % vocabulary)]);
}

// Dynamic beam allocation: beside the best of the whole beam, every row proposes its best token and those that go on
// with a phrase; then the banks take turns.
std::vector<Candidate> Beam::spread_over_banks(std::vector<Candidate> found, std::int64_t vocabulary) const {
  std::set<std::int64_t> known;
  for (const Candidate& candidate : found) known.insert(candidate.index);
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const std::int64_t first = static_cast<std::int64_t>(row) * vocabulary;
    std::vector<std::int64_t> proposed = constraints_->wanted(rows_[row].state);
    const auto begin = log_probs_.begin() + first;
    proposed.push_back(std::max_element(begin, begin + vocabulary) - begin);
    for (const std::int64_t token : proposed) {
      const double log_prob = rows_[row].log_prob + log_probs_[static_cast<std::size_t>(first + token)];
      if (!std::isinf(log_prob) && known.insert(first + token).second) found.push_back({log_prob, first + token});
    }
  }
  std::sort(found.begin(), found.end(), [&](const Candidate& a, const Candidate& b) {
    const double rank_a = rank_of(a, vocabulary), rank_b = rank_of(b, vocabulary);
    return rank_a != rank_b ? rank_a > rank_b : a.index < b.index;
  });
  std::vector<std::int64_t> banks;
  for (const Candidate& candidate : found) {
    const Row& row = rows_[static_cast<std::size_t>(candidate.index / vocabulary)];
    banks.push_back(constraints_->bank(row.state, candidate.index % vocabulary));
  }
  return order_by_banks(found, banks);
}

Candidate Beam::forced_candidate() const {  // the beam has one row until the prefix ends
  const std::int64_t token = source_.prefix[static_cast<std::size_t>(length_)];
  const double log_prob = rows_[0].log_prob + log_probs_[token];
  if (std::isinf(log_prob)) {
    throw ValueError("search: prefix " + std::to_string(number_) + " has token " + std::to_string(token) +
                     " at position " + std::to_string(length_) + ", to which the model gives no probability");
  }
  return {log_prob, token};
}

std::vector<Candidate> Beam::draw(std::int64_t vocabulary) {
  if (!has_finite_maximum(log_probs_.data(), vocabulary)) return {};
  const std::int64_t token = sampler_->draw(log_probs_).token;
  return {{rows_[0].log_prob + log_probs_[token], token}};
}

// Ranked with penalties; what comes back has the log probabilities without them in the same order.
std::vector<Candidate> Beam::penalised(std::int64_t vocabulary, std::span<const float> penalties,
                                       std::size_t count) const {
  std::vector<float> ranks(log_probs_.size());
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    ranks[i] = log_probs_[i] - penalties[i % static_cast<std::size_t>(vocabulary)];
  }
  std::vector<double> totals(rows_.size());
  std::transform(rows_.begin(), rows_.end(), totals.begin(), [](const Row& row) { return row.log_prob; });
  std::vector<Candidate> found = top_candidates(totals, ranks.data(), vocabulary, count);
  for (Candidate& candidate : found) {
    candidate.log_prob = rows_[candidate.index / vocabulary].log_prob + log_probs_[candidate.index];
  }
  return found;
}

}  // namespace pyseq
