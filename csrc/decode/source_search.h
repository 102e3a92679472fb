// The search of one source: one beam, or several that share its rows of the model at first. Groups of a diverse search,
// samples, and alternatives after a prefix are beams of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decode/beam.h"

namespace pyseq {

class SourceSearch {
 public:
  /// Everything referred to outlives the search.
  SourceSearch(const SearchSetup& setup, const SourceOptions& source, std::int64_t number);

  /// What its constraints lead to together; nothing where one of them alone decides.
  std::shared_ptr<const JointLookahead> joint_constraints(std::int64_t vocabulary) const {
    return beams_[0].joint_constraints(vocabulary);
  }
  /// Once, before the first step. ValueError: no output meets all constraints.
  void look_ahead(const std::shared_ptr<const JointLookahead>& joint);
  /// Appends the next token of every row that the model is to read; they become its rows from tokens.size() on.
  void add_tokens(std::vector<std::int64_t>& tokens);
  /// `logits` [rows, vocabulary] and `attention` [rows, positions] or null are those of all rows of the model.
  void advance(const StepAnswer& answer);
  /// Appends the row of the model that each of the rows continues.
  void add_parents(std::vector<std::int64_t>& parents) const;
  bool is_done() const;
  void stop();

  std::int64_t number() const { return number_; }
  void report(SearchObserver& observer) const;  // the last step
  SearchProgress progress() const;
  std::vector<Hypothesis> hypotheses(std::span<const Tensor> attention) const;

 private:
  void add_samples(const SourceOptions& source);
  void add_groups(const SourceOptions& source);
  void advance_groups(const StepAnswer& answer);
  void expand_after_prefix();
  void fork_alternatives();
  bool is_likely_alternative(double log_prob) const;
  void report(const Beam& beam, const Beam::Finished& finished, const Hypothesis& hypothesis) const;
  std::vector<Hypothesis> best_of_all(std::span<const Tensor> attention) const;

  const SearchSetup& setup_;
  std::int64_t number_;
  std::int64_t first_token_;  // what the model is fed first
  std::shared_ptr<const JointLookahead> joint_;
  std::vector<Beam> beams_;
  std::vector<std::int64_t> first_rows_;  // of the beams, in the coming step
  std::int64_t steps_ = 0;

  // All but the first are those of a search for alternatives; `cut` when max_length leaves only their first tokens.
  enum class Phase { plain, stem, expansion, alternatives, cut };
  Phase phase_ = Phase::plain;
  double stem_log_prob_ = 0;  // of the prefix that they follow
};

}  // namespace pyseq
