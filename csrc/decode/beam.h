// One beam: the hypotheses of a source that compete with each other. Its rules are CTranslate2's, so that both give the
// same hypotheses and scores:
//
// - A step looks at the 2 * width best continuations of the whole beam. The best `width` of them are taken.
//   One that ends (with the end mark, or by reaching max_length) is finished, and the best continuation from the
//   other half that does not end takes its place in the beam: the beam stays full while hypotheses finish.
// - Scores are those of HypothesisScore, the end mark counted in the length.
// - Without a penalty a beam is done when its best continuation has ended once and enough hypotheses are finished:
//   whatever is still alive can only become less likely. With one, a longer hypothesis may still win: it is
//   done after round(width * patience) finished hypotheses. A beam of 1 is greedy: done after the first. Other rules
//   can be chosen (EarlyExit).
// - What options forbid is forbidden before the softmax: the other tokens share its probability.
//
// Where this search differs from CTranslate2: forced tokens count with the model's log probabilities (there: zero), the
// end mark may follow a prefix at once wherever it ranks, continuations of probability zero never fill a beam, log
// probabilities are summed in double precision, and ties go to the earlier row, then to the lower token.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "decode/constraints/constraint_tracker.h"
#include "decode/hypothesis_score.h"
#include "decode/search_observer.h"
#include "decode/token_rules.h"
#include "decode/token_tree.h"
#include "decode/top_candidates.h"
#include "pyseq/decode.h"

namespace pyseq {

/// What all beams of a search share.
struct SearchSetup {
  SearchSetup(const DecodingOptions& options, const Marks& marks)
      : options(options), marks(marks), rules(options, marks), score(options) {}

  const DecodingOptions options;  // complete: max_length is known
  const Marks marks;
  const TokenRules rules;
  const HypothesisScore score;
};

/// What the model answers to the rows of a beam.
struct StepAnswer {
  const float* logits;  // [rows, vocabulary]
  std::int64_t vocabulary;
  const float* attention;  // [rows, positions], or null
  std::int64_t positions;
  bool are_scores = false;  // not logits: they are not normalised
};

class Beam {
 public:
  /// A hypothesis that goes on.
  struct Row {
    TokenTree::Node node = TokenTree::kRoot;
    std::int64_t parent = 0;  // the row of this beam that it continues
    std::int64_t token = 0;   // the last one: what the model is fed next
    double log_prob = 0;
    std::int64_t state = 0;         // of the source's constraints
    bool follows_prefix = true;     // has all tokens of the prefix so far
    std::vector<float> coverage{};  // [positions], where scores need it
  };

  struct Plan {
    std::int64_t width = 1;
    std::int64_t wanted = 1;  // hypotheses that are enough
    std::optional<SamplingOptions> sampling;
  };

  /// Everything referred to outlives the beam. `number` of the source is for messages.
  Beam(const SearchSetup& setup, const SourceOptions& source, std::int64_t number, const Plan& plan);
  /// A row of another beam goes on for itself.
  Beam(const Beam& stem, std::size_t row, const Plan& plan);

  /// What the constraints of this beam lead to together; nothing where one of them alone decides.
  std::shared_ptr<const JointLookahead> joint_constraints(std::int64_t vocabulary) const;
  void look_ahead(const std::shared_ptr<const JointLookahead>& joint);

  /// One step. The first of rows() was row `first_row` of the model. Afterwards rows() are the continuations: none when
  /// the beam is done. `penalties` [vocabulary] or empty: what ranks tokens lower.
  void advance(const StepAnswer& answer, std::int64_t first_row, std::span<const float> penalties = {});
  /// From now on the beam finds this many of the best tokens at the next step, and does not end there.
  void expand_next(std::int64_t width);
  std::span<const Row> rows() const { return rows_; }
  std::int64_t first_row() const { return first_row_; }  // of the last step
  std::int64_t length() const { return length_; }        // tokens of every hypothesis in rows()
  bool is_forced() const;                                // the next token is known
  /// Keeps what is alive as it is, unfinished.
  void stop();

  struct Finished {
    TokenTree::Node node;
    double score;
    double log_prob;
  };
  std::span<const Finished> finished() const { return finished_; }
  /// `attention` has what every step so far attended to, [rows of the model, source positions] each, or is empty.
  Hypothesis hypothesis(const Finished& finished, std::span<const Tensor> attention) const;
  LiveHypothesis live(const Row& row) const;
  LiveHypothesis live(const Finished& finished) const;
  /// What the last step looked at, when options have an observer.
  std::span<const ObservedCandidate> observed() const { return observed_; }
  bool is_done_early() const { return is_done_early_; }  // in the last step, with rows that could have gone on

 private:
  void compute_log_probs(const StepAnswer& answer);
  void edit_and_normalise(const Row& row, const float* logits, bool are_scores, std::span<float> log_probs);
  const float* edit(const Row& row, std::span<const float> logits);
  TokenRules::Position position_after(const Row& row);  // in history_
  TokenRules::Position position_of_next() const;        // without the history
  void favour_prefix(std::span<float> log_probs) const;
  std::vector<Candidate> candidates(std::int64_t vocabulary, std::span<const float> penalties);
  Candidate forced_candidate() const;
  std::vector<Candidate> draw(std::int64_t vocabulary);
  std::vector<Candidate> penalised(std::int64_t vocabulary, std::span<const float> penalties, std::size_t count) const;
  std::vector<Candidate> spread_over_banks(std::vector<Candidate> found, std::int64_t vocabulary) const;
  double rank_of(const Candidate& candidate, std::int64_t vocabulary) const;
  void keep_top_tokens(std::int64_t vocabulary);
  void take(std::span<const Candidate> candidates, const StepAnswer& answer);
  Row extend(const Candidate& candidate, const StepAnswer& answer);
  void finish(const Row& row, std::int64_t length);
  void finish_where_nothing_follows(std::int64_t vocabulary);
  void observe(const Candidate& candidate, std::int64_t vocabulary, TokenTree::Node node, Fate fate);
  void observe_others(std::span<const Candidate> found, const StepAnswer& answer);
  std::string why_banned(const Row& row, std::span<const float> logits, std::int64_t token);
  std::int64_t room() const { return setup_.options.max_length - length_; }
  EarlyExit exit_rule() const;
  bool is_done() const;
  bool is_beyond_reach() const;
  std::string where() const;

  const SearchSetup& setup_;
  const SourceOptions& source_;
  std::int64_t number_;
  Plan plan_;
  std::optional<Sampler> sampler_;
  bool expands_ = false;  // in the next step
  std::optional<ConstraintTracker> constraints_;
  std::span<const float> penalties_;  // of the current step

  TokenTree tree_;
  std::vector<Row> rows_;
  std::vector<Finished> finished_;
  std::vector<float> log_probs_;  // [rows, vocabulary] of the current step
  std::vector<float> edited_;     // [vocabulary]
  std::vector<std::int64_t> history_;
  std::int64_t first_row_ = 0;
  std::int64_t length_ = 0;
  bool best_has_ended_ = false;
  std::vector<ObservedCandidate> observed_;
  bool is_done_early_ = false;

  struct TopTokens {
    std::int64_t first_row;
    std::vector<std::vector<TokenChoice>> rows;
  };
  std::vector<TopTokens> top_tokens_;  // one per step, when asked for
};

}  // namespace pyseq
