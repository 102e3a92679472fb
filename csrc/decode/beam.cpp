#include "decode/beam.h"

#include <algorithm>
#include <utility>

#include "decode/log_probs.h"

namespace pyseq {

Beam::Beam(const SearchSetup& setup, const SourceOptions& source, std::int64_t number, const Plan& plan)
    : setup_(setup), source_(source), number_(number), plan_(plan) {
  if (plan.sampling) sampler_.emplace(*plan.sampling);
  if (!setup.options.allowed.empty() || !source.allowed.empty() || !source.phrases.empty()) {
    constraints_.emplace(setup.options.allowed, source.allowed, source.phrases, setup.marks.end);
  }
  rows_.emplace_back();
}

Beam::Beam(const Beam& stem, std::size_t row, const Plan& plan) : Beam(stem) {
  plan_ = plan;
  Row only = rows_[row];
  rows_.assign(1, std::move(only));
}

bool Beam::is_forced() const {
  return setup_.options.prefix_bias == 0 && length_ < static_cast<std::int64_t>(source_.prefix.size());
}

void Beam::expand_next(std::int64_t width) {
  plan_.width = width;
  expands_ = true;
}

void Beam::advance(const StepAnswer& answer, std::int64_t first_row, std::span<const float> penalties) {
  first_row_ = first_row;
  penalties_ = penalties;
  observed_.clear();
  compute_log_probs(answer);
  if (constraints_ && setup_.marks.end == kNoEndMark) finish_where_nothing_follows(answer.vocabulary);
  if (setup_.options.top_tokens > 0) keep_top_tokens(answer.vocabulary);
  const std::vector<Candidate> found = candidates(answer.vocabulary, penalties);
  if (setup_.options.observer != nullptr) observe_others(found, answer);
  const auto others = static_cast<std::ptrdiff_t>(observed_.size());
  take(found, answer);
  std::rotate(observed_.begin(), observed_.begin() + others, observed_.end());  // those that were ranked come first
  ++length_;
  expands_ = false;
  is_done_early_ = is_done() && !rows_.empty();
  if (is_done()) rows_.clear();
  if (rows_.empty()) log_probs_ = {};
}

void Beam::stop() {
  for (const Row& row : rows_) finish(row, length_);
  rows_.clear();
}

std::string Beam::where() const {
  return "search: source " + std::to_string(number_) + ", target position " + std::to_string(length_);
}

void Beam::take(std::span<const Candidate> candidates, const StepAnswer& answer) {
  const std::size_t taken = std::min(candidates.size(), static_cast<std::size_t>(plan_.width));
  const bool last_step = length_ + 1 == setup_.options.max_length;
  const auto ends = [&](const Candidate& candidate) { return candidate.index % answer.vocabulary == setup_.marks.end; };
  const auto observe_untaken = [&](std::size_t begin, std::size_t end) {
    if (setup_.options.observer == nullptr) return;
    for (std::size_t k = begin; k < end; ++k) {
      observe(candidates[k], answer.vocabulary, TokenTree::kRoot,
              ends(candidates[k]) ? Fate::ended_outside : Fate::outside);
    }
  };

  std::vector<Row> next;
  std::size_t substitute = taken;  // where the search for the next candidate of the other half begins
  for (std::size_t k = 0; k < taken; ++k) {
    std::size_t kept = k;
    if (ends(candidates[k]) || last_step) {
      const Row row = extend(candidates[k], answer);
      finish(row, length_ + 1);
      observe(candidates[k], answer.vocabulary, row.node, Fate::finished);
      best_has_ended_ |= k == 0;
      const std::size_t begin = substitute;
      while (substitute < candidates.size() && ends(candidates[substitute])) ++substitute;
      observe_untaken(begin, substitute);
      if (last_step || substitute == candidates.size()) continue;
      kept = substitute++;
    }
    next.push_back(extend(candidates[kept], answer));
    observe(candidates[kept], answer.vocabulary, next.back().node, Fate::alive);
  }
  observe_untaken(substitute, candidates.size());
  rows_ = std::move(next);
}

Beam::Row Beam::extend(const Candidate& candidate, const StepAnswer& answer) {
  const std::int64_t parent = candidate.index / answer.vocabulary;
  const Row& before = rows_[static_cast<std::size_t>(parent)];
  Row row;
  row.parent = parent;
  row.token = candidate.index % answer.vocabulary;
  row.log_prob = candidate.log_prob;
  row.node = tree_.extend({before.node, row.token, first_row_ + parent, log_probs_[candidate.index]});
  if (constraints_) row.state = constraints_->extend(before.state, row.token);
  row.follows_prefix = before.follows_prefix && length_ < static_cast<std::int64_t>(source_.prefix.size()) &&
                       row.token == source_.prefix[static_cast<std::size_t>(length_)];
  if (setup_.score.needs_coverage()) {
    const float* attention = answer.attention + parent * answer.positions;
    row.coverage = before.coverage;
    row.coverage.resize(static_cast<std::size_t>(answer.positions));
    for (std::int64_t i = 0; i < answer.positions; ++i) row.coverage[static_cast<std::size_t>(i)] += attention[i];
  }
  return row;
}

// Without an end mark a hypothesis ends where constraints are met and allow nothing more.
void Beam::finish_where_nothing_follows(std::int64_t vocabulary) {
  if (is_forced()) return;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const float* log_probs = log_probs_.data() + i * static_cast<std::size_t>(vocabulary);
    if (has_finite_maximum(log_probs, vocabulary) || !constraints_->is_complete(rows_[i].state)) continue;
    finish(rows_[i], length_);
    best_has_ended_ |= i == 0;
  }
}

void Beam::finish(const Row& row, std::int64_t length) {
  finished_.push_back({row.node, setup_.score(row.log_prob, length, row.coverage), row.log_prob});
}

}  // namespace pyseq
