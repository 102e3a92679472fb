// Slow and obvious searches over any model in double precision: every hypothesis is a list of tokens, copied, and
// every step sorts everything.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "history_model.h"

namespace pyseq::testing {

struct ReferenceHypothesis {
  Ids tokens;  // the end mark included
  double log_prob = 0;
  double score = 0;

  bool finished() const { return !tokens.empty() && tokens.back() == kMarks.end; }
  Ids ids() const { return {tokens.begin(), tokens.end() - (finished() ? 1 : 0)}; }
};

struct ReferenceModel {
  /// Logits of the next token after some tokens (the start mark not among them).
  std::function<std::vector<double>(const Ids& tokens)> logits;
  std::int64_t min_length = 0;

  /// Log probabilities of the next token.
  std::vector<double> log_probs(const Ids& tokens) const {
    std::vector<double> result = logits(tokens);
    if (static_cast<std::int64_t>(tokens.size()) < min_length) {
      result[kMarks.end] = -std::numeric_limits<double>::infinity();
    }
    double sum = 0;
    for (const double logit : result) sum += std::exp(logit);
    for (double& value : result) value -= std::log(sum);
    return result;
  }
};

/// What a row of a HistoryModel answers.
inline ReferenceModel history_reference(std::int64_t seed, std::int64_t vocabulary, std::int64_t min_length = 0) {
  const auto logits = [=](const Ids& tokens) {
    Ids history{kMarks.start};
    history.insert(history.end(), tokens.begin(), tokens.end());
    std::vector<double> result;
    for (std::int64_t v = 0; v < vocabulary; ++v) result.push_back(HistoryModel::logit(seed, history, v));
    return result;
  };
  return {logits, min_length};
}

inline void sort_by_score(std::vector<ReferenceHypothesis>& hypotheses) {
  std::stable_sort(hypotheses.begin(), hypotheses.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
}

/// Every hypothesis there is, best first.
inline std::vector<ReferenceHypothesis> enumerate(const ReferenceModel& model, std::int64_t max_length,
                                                  double length_penalty) {
  std::vector<ReferenceHypothesis> open(1), all;
  while (!open.empty()) {
    std::vector<ReferenceHypothesis> longer;
    for (const ReferenceHypothesis& hypothesis : open) {
      const std::vector<double> log_probs = model.log_probs(hypothesis.tokens);
      for (std::size_t v = 0; v < log_probs.size(); ++v) {
        if (std::isinf(log_probs[v])) continue;
        ReferenceHypothesis next = hypothesis;
        next.tokens.push_back(static_cast<std::int64_t>(v));
        next.log_prob += log_probs[v];
        next.score = next.log_prob / std::pow(next.tokens.size(), length_penalty);
        const bool closed = next.finished() || static_cast<std::int64_t>(next.tokens.size()) == max_length;
        (closed ? all : longer).push_back(next);
      }
    }
    open = std::move(longer);
  }
  sort_by_score(all);
  return all;
}

/// Takes the likeliest token until the end mark.
inline ReferenceHypothesis greedy(const ReferenceModel& model, std::int64_t max_length, double length_penalty) {
  ReferenceHypothesis result;
  while (!result.finished() && static_cast<std::int64_t>(result.tokens.size()) < max_length) {
    const std::vector<double> log_probs = model.log_probs(result.tokens);
    const auto best = std::max_element(log_probs.begin(), log_probs.end());
    result.tokens.push_back(best - log_probs.begin());
    result.log_prob += *best;
  }
  result.score = result.log_prob / std::pow(result.tokens.size(), length_penalty);
  return result;
}

/// Beam search by its rules (csrc/decode/beam.h), for one source.
inline std::vector<ReferenceHypothesis> beam_search(const ReferenceModel& model, const DecodingOptions& options) {
  const auto beam_size = static_cast<std::size_t>(options.beam_size);
  std::vector<ReferenceHypothesis> beam(1), finished;
  bool best_has_ended = false;
  for (std::int64_t length = 1; !beam.empty(); ++length) {
    std::vector<ReferenceHypothesis> all;
    for (const ReferenceHypothesis& hypothesis : beam) {
      const std::vector<double> log_probs = model.log_probs(hypothesis.tokens);
      for (std::size_t v = 0; v < log_probs.size(); ++v) {
        if (std::isinf(log_probs[v])) continue;
        all.push_back(hypothesis);
        all.back().tokens.push_back(static_cast<std::int64_t>(v));
        all.back().log_prob += log_probs[v];
        all.back().score = all.back().log_prob / std::pow(length, options.length_penalty);
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.log_prob > b.log_prob; });
    if (all.size() > 2 * beam_size) all.resize(2 * beam_size);

    const std::size_t taken = std::min(beam_size, all.size());
    std::vector<ReferenceHypothesis> alive;
    for (std::size_t k = 0; k < all.size(); ++k) {
      const bool closes = all[k].finished() || length == options.max_length;
      if (k < taken && closes) finished.push_back(all[k]);
      if (k == 0) best_has_ended |= closes;
      // The other half only fills up what ended in the first.
      if (!closes && alive.size() < taken) alive.push_back(all[k]);
    }
    beam = std::move(alive);

    const bool enough = options.beam_size == 1 ? !finished.empty()
                        : options.length_penalty == 0
                            ? best_has_ended && finished.size() >= static_cast<std::size_t>(options.n_best)
                            : finished.size() >= std::round(beam_size * options.patience);
    if (enough) break;
  }
  sort_by_score(finished);
  finished.resize(std::min(finished.size(), static_cast<std::size_t>(options.n_best)));
  return finished;
}

}  // namespace pyseq::testing
