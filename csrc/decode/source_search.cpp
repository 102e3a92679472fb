#include "decode/source_search.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace pyseq {
namespace {

constexpr int kSampleShift = 32;  // the stream of sample h of source i is stream + i + (h << 32)

}  // namespace

SourceSearch::SourceSearch(const SearchSetup& setup, const SourceOptions& source, std::int64_t number)
    : setup_(setup), number_(number), first_token_(source.context.empty() ? setup.marks.start : source.context.back()) {
  if (setup.options.sampling) {
    add_samples(source);
  } else {
    add_groups(source);
  }
  first_rows_.resize(beams_.size());
  if (setup.options.alternatives) {
    phase_ = Phase::stem;
    expand_after_prefix();
  }
}

void SourceSearch::look_ahead(const std::shared_ptr<const JointLookahead>& joint) {
  joint_ = joint;
  if (joint_ && !joint_->is_possible()) {
    throw ValueError("search: the options leave source " + std::to_string(number_) + " no hypothesis: no output of " +
                     std::to_string(setup_.options.max_length) +
                     " tokens or less meets these together: " + joint_->names());
  }
  for (Beam& beam : beams_) beam.look_ahead(joint_);
}

void SourceSearch::add_samples(const SourceOptions& source) {
  const auto own = source.seed ? std::uint64_t{0} : static_cast<std::uint64_t>(number_);
  for (std::uint64_t sample = 0; sample < static_cast<std::uint64_t>(setup_.options.n_best); ++sample) {
    SamplingOptions sampling = *setup_.options.sampling;
    if (source.seed) sampling.seed = *source.seed;
    sampling.stream += source.stream.value_or(own) + (sample << kSampleShift);
    beams_.emplace_back(setup_, source, number_, Beam::Plan{1, 1, sampling});
  }
}

void SourceSearch::add_groups(const SourceOptions& source) {
  const DecodingOptions& options = setup_.options;
  const int wanted = options.alternatives ? 1 : (options.n_best + options.groups - 1) / options.groups;
  for (int group = 0; group < options.groups; ++group) {
    beams_.emplace_back(setup_, source, number_, Beam::Plan{options.beam_size / options.groups, wanted, std::nullopt});
  }
}

void SourceSearch::add_tokens(std::vector<std::int64_t>& tokens) {
  if (steps_ == 0) {  // all beams begin with the one row that the model has for the source
    std::fill(first_rows_.begin(), first_rows_.end(), static_cast<std::int64_t>(tokens.size()));
    tokens.push_back(first_token_);
    return;
  }
  for (std::size_t i = 0; i < beams_.size(); ++i) {
    first_rows_[i] = static_cast<std::int64_t>(tokens.size());
    for (const Beam::Row& row : beams_[i].rows()) tokens.push_back(row.token);
  }
}

void SourceSearch::advance(const StepAnswer& answer) {
  advance_groups(answer);
  ++steps_;
  if (phase_ == Phase::expansion) return fork_alternatives();
  if (phase_ == Phase::stem) expand_after_prefix();
}

void SourceSearch::advance_groups(const StepAnswer& answer) {
  const bool is_diverse = setup_.options.diversity_penalty != 0;
  std::vector<float> penalties;  // [vocabulary]: for every time that an earlier group has just taken a token
  for (std::size_t i = 0; i < beams_.size(); ++i) {
    if (beams_[i].rows().empty()) continue;
    StepAnswer own = answer;
    own.logits += first_rows_[i] * answer.vocabulary;
    if (answer.attention != nullptr) own.attention += first_rows_[i] * answer.positions;
    const bool was_forced = beams_[i].is_forced();
    beams_[i].advance(own, first_rows_[i], penalties);
    if (!is_diverse || was_forced) continue;
    penalties.resize(static_cast<std::size_t>(answer.vocabulary));
    for (const Beam::Row& row : beams_[i].rows()) {
      penalties[static_cast<std::size_t>(row.token)] += static_cast<float>(setup_.options.diversity_penalty);
    }
  }
}

void SourceSearch::expand_after_prefix() {
  Beam& stem = beams_[0];
  if (stem.rows().empty() || stem.is_forced()) return;
  phase_ = Phase::expansion;
  stem_log_prob_ = stem.rows()[0].log_prob;
  stem.expand_next(setup_.options.n_best);
}

// The rows of the stem go on each for itself.
void SourceSearch::fork_alternatives() {
  if (beams_[0].rows().empty()) {  // they are cut at once
    phase_ = Phase::cut;
    return;
  }
  phase_ = Phase::alternatives;
  const Beam stem = std::move(beams_[0]);
  beams_.clear();
  for (std::size_t row = 0; row < stem.rows().size(); ++row) {
    if (row > 0 && !is_likely_alternative(stem.rows()[row].log_prob)) break;
    beams_.emplace_back(stem, row, Beam::Plan{setup_.options.beam_size, 1, std::nullopt});
  }
  first_rows_.resize(beams_.size());
}

bool SourceSearch::is_likely_alternative(double log_prob) const {
  return std::exp(log_prob - stem_log_prob_) >= setup_.options.min_alternative_prob;
}

void SourceSearch::add_parents(std::vector<std::int64_t>& parents) const {
  for (const Beam& beam : beams_) {
    for (const Beam::Row& row : beam.rows()) parents.push_back(beam.first_row() + row.parent);
  }
}

bool SourceSearch::is_done() const {
  return std::all_of(beams_.begin(), beams_.end(), [](const Beam& beam) { return beam.rows().empty(); });
}

void SourceSearch::stop() {
  for (Beam& beam : beams_) beam.stop();
}

void SourceSearch::report(SearchObserver& observer) const {
  for (std::size_t i = 0; i < beams_.size(); ++i) {
    if (beams_[i].length() != steps_) continue;  // it was done before
    observer.on_candidates(
        {number_, static_cast<std::int64_t>(i), steps_, beams_[i].is_done_early(), beams_[i].observed()});
  }
}

void SourceSearch::report(const Beam& beam, const Beam::Finished& finished, const Hypothesis& hypothesis) const {
  if (setup_.options.observer == nullptr) return;
  const std::int64_t number = &beam - beams_.data();
  setup_.options.observer->on_result({number_, number, finished.node, finished.score, hypothesis.finished});
}

SearchProgress SourceSearch::progress() const {
  SearchProgress result;
  result.source = number_;
  result.length = steps_;
  result.done = is_done();
  for (const Beam& beam : beams_) {
    for (const Beam::Row& row : beam.rows()) result.alive.push_back(beam.live(row));
    for (const Beam::Finished& finished : beam.finished()) result.finished.push_back(beam.live(finished));
  }
  return result;
}

std::vector<Hypothesis> SourceSearch::hypotheses(std::span<const Tensor> attention) const {
  std::vector<Hypothesis> results;
  if (phase_ != Phase::alternatives) {
    results = best_of_all(attention);
  } else {  // alternatives: the best of each, in the order of their first tokens
    for (const Beam& beam : beams_) {
      const auto best = std::max_element(beam.finished().begin(), beam.finished().end(),
                                         [](const auto& a, const auto& b) { return a.score < b.score; });
      if (best == beam.finished().end()) continue;
      results.push_back(beam.hypothesis(*best, attention));
      report(beam, *best, results.back());
    }
  }
  if (results.empty()) {
    const bool is_unknown = joint_ && !joint_->is_known();
    throw ValueError("search: the options leave source " + std::to_string(number_) + " no hypothesis: after " +
                     std::to_string(steps_) + " tokens nothing may follow" +
                     (is_unknown ? "; what its constraints (" + joint_->names() +
                                       ") lead to together is too much to look ahead: a larger beam may find one"
                                 : ""));
  }
  return results;
}

std::vector<Hypothesis> SourceSearch::best_of_all(std::span<const Tensor> attention) const {
  struct Entry {
    const Beam* beam;
    Beam::Finished finished;
  };
  std::vector<Entry> all;
  for (const Beam& beam : beams_) {
    for (const Beam::Finished& finished : beam.finished()) all.push_back({&beam, finished});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Entry& a, const Entry& b) { return a.finished.score > b.finished.score; });
  std::vector<Hypothesis> results;
  std::set<std::vector<std::int64_t>> known;  // groups may find the same
  for (const Entry& entry : all) {
    if (results.size() == static_cast<std::size_t>(setup_.options.n_best)) break;
    if (phase_ == Phase::cut && !results.empty() && !is_likely_alternative(entry.finished.log_prob)) break;
    Hypothesis hypothesis = entry.beam->hypothesis(entry.finished, attention);
    if (setup_.options.groups > 1) {
      std::vector<std::int64_t> key = hypothesis.ids;
      key.push_back(hypothesis.finished ? 1 : 0);
      if (!known.insert(std::move(key)).second) continue;
    }
    results.push_back(std::move(hypothesis));
    report(*entry.beam, entry.finished, results.back());
  }
  return results;
}

}  // namespace pyseq
