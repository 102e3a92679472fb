#include "decode/beam.h"

#include <algorithm>
#include <cmath>

#include "decode/log_probs.h"

namespace pyseq {

Beam::Beam(const DecodingOptions& options, const Marks& marks, std::span<const std::int64_t> prefix,
           std::int64_t source)
    : options_(options), marks_(marks), prefix_(prefix), source_(source) {
  rows_.push_back({TokenTree::kRoot, 0, marks.start, 0.0});
}

void Beam::advance(const float* logits, std::int64_t vocabulary, std::int64_t first_row) {
  compute_log_probs(logits, vocabulary);
  take(candidates(vocabulary), vocabulary, first_row);
  ++length_;
  if (is_done()) rows_.clear();
  if (rows_.empty()) log_probs_ = {};
}

void Beam::compute_log_probs(const float* logits, std::int64_t vocabulary) {
  const std::int64_t banned = length_ < options_.min_length ? marks_.end : kNothingBanned;
  const std::string where =
      "search: source " + std::to_string(source_) + ", target position " + std::to_string(length_);
  log_probs_.resize(rows_.size() * static_cast<std::size_t>(vocabulary));
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const std::size_t offset = row * static_cast<std::size_t>(vocabulary);
    log_softmax_row(logits + offset, vocabulary, banned, where, log_probs_.data() + offset);
  }
}

std::vector<Candidate> Beam::candidates(std::int64_t vocabulary) const {
  if (is_forced()) {  // the beam has one row until the prefix ends
    const std::int64_t token = prefix_[length_];
    const double log_prob = rows_[0].log_prob + log_probs_[token];
    if (std::isinf(log_prob)) {
      throw ValueError("search: prefix " + std::to_string(source_) + " has token " + std::to_string(token) +
                       " at position " + std::to_string(length_) + ", to which the model gives no probability");
    }
    return {{log_prob, token}};
  }
  std::vector<double> totals(rows_.size());
  std::transform(rows_.begin(), rows_.end(), totals.begin(), [](const Row& row) { return row.log_prob; });
  return top_candidates(totals, log_probs_.data(), vocabulary, 2 * static_cast<std::size_t>(options_.beam_size));
}

void Beam::take(std::span<const Candidate> candidates, std::int64_t vocabulary, std::int64_t first_row) {
  const std::size_t taken = std::min(candidates.size(), static_cast<std::size_t>(options_.beam_size));
  const bool last_step = length_ + 1 == options_.max_length;
  const double length_factor = std::pow(static_cast<double>(length_ + 1), options_.length_penalty);
  const auto token_of = [&](const Candidate& candidate) { return candidate.index % vocabulary; };
  const auto ends = [&](const Candidate& candidate) { return token_of(candidate) == marks_.end; };
  const auto extend = [&](const Candidate& candidate) {
    const std::int64_t parent = candidate.index / vocabulary;
    return tree_.extend(rows_[parent].node, token_of(candidate), log_probs_[candidate.index], first_row + parent);
  };

  std::vector<Row> next;
  std::size_t substitute = taken;  // where the search for the next candidate of the other half begins
  for (std::size_t k = 0; k < taken; ++k) {
    std::size_t kept = k;
    if (ends(candidates[k]) || last_step) {
      finished_.push_back({extend(candidates[k]), candidates[k].log_prob / length_factor});
      best_has_ended_ |= k == 0;
      while (substitute < candidates.size() && ends(candidates[substitute])) ++substitute;
      if (last_step || substitute == candidates.size()) continue;
      kept = substitute++;
    }
    const Candidate& candidate = candidates[kept];
    next.push_back({extend(candidate), candidate.index / vocabulary, token_of(candidate), candidate.log_prob});
  }
  rows_ = std::move(next);
}

bool Beam::is_done() const {
  if (options_.length_penalty == 0) {
    return best_has_ended_ && finished_.size() >= static_cast<std::size_t>(options_.n_best);
  }
  const double enough = options_.beam_size == 1 ? 1.0 : std::round(options_.beam_size * options_.patience);
  return static_cast<double>(finished_.size()) >= enough;
}

std::vector<Hypothesis> Beam::hypotheses(std::span<const Tensor> attention) const {
  std::vector<Finished> best = finished_;
  std::stable_sort(best.begin(), best.end(), [](const Finished& a, const Finished& b) { return a.score > b.score; });
  best.resize(std::min(best.size(), static_cast<std::size_t>(options_.n_best)));
  std::vector<Hypothesis> results;
  for (const Finished& finished : best) {
    results.push_back(tree_.hypothesis(finished.node, marks_.end, attention));
    results.back().score = finished.score;
  }
  return results;
}

}  // namespace pyseq
