// The search of one source. Its rules are CTranslate2's, so that both give the same hypotheses and scores:
//
// - A step looks at the 2 * beam_size best continuations of the whole beam. The best beam_size of them are taken.
//   One that ends (with the end mark, or by reaching max_length) is finished, and the best continuation from the
//   other half that does not end takes its place in the beam: the beam stays full while hypotheses finish.
// - The score of a hypothesis is its log probability / length ** length_penalty, the end mark counted in the length.
// - Without a length penalty a source is done when its best continuation has ended once and n_best hypotheses are
//   finished: whatever is still alive can only become less likely. With one, a longer hypothesis may still win: it is
//   done after round(beam_size * patience) finished hypotheses. A beam of 1 is greedy: done after the first.
// - Up to min_length the end mark is banned before the softmax: the other tokens share its probability.
//
// Where this search differs from CTranslate2: forced tokens count with their log probabilities (there: zero), the end
// mark may follow a prefix at once wherever it ranks, continuations of probability zero never fill a beam, log
// probabilities are summed in double precision, and ties go to the earlier row, then to the lower token.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "decode/token_tree.h"
#include "decode/top_candidates.h"
#include "pyseq/decode.h"

namespace pyseq {

class Beam {
 public:
  /// A hypothesis that goes on.
  struct Row {
    TokenTree::Node node;
    std::int64_t parent;  // the row of this beam that it continues
    std::int64_t token;   // the last one: what the model is fed next
    double log_prob;
  };

  /// Everything referred to outlives the beam.
  Beam(const DecodingOptions& options, const Marks& marks, std::span<const std::int64_t> prefix, std::int64_t source);

  /// One step. logits [rows().size(), vocabulary] are the model's answers to the rows, of which the first was row
  /// `first_row` of the model. Afterwards rows() are the continuations: none when the search is done.
  void advance(const float* logits, std::int64_t vocabulary, std::int64_t first_row);
  std::span<const Row> rows() const { return rows_; }

  /// The n_best hypotheses, best first. `attention` as for TokenTree::hypothesis.
  std::vector<Hypothesis> hypotheses(std::span<const Tensor> attention) const;

 private:
  struct Finished {
    TokenTree::Node node;
    double score;
  };

  bool is_forced() const { return length_ < static_cast<std::int64_t>(prefix_.size()); }
  void compute_log_probs(const float* logits, std::int64_t vocabulary);
  std::vector<Candidate> candidates(std::int64_t vocabulary) const;
  void take(std::span<const Candidate> candidates, std::int64_t vocabulary, std::int64_t first_row);
  bool is_done() const;

  const DecodingOptions& options_;
  const Marks& marks_;
  std::span<const std::int64_t> prefix_;
  std::int64_t source_;

  TokenTree tree_;
  std::vector<Row> rows_;
  std::vector<Finished> finished_;
  std::vector<float> log_probs_;  // [rows, vocabulary] of the current step
  std::int64_t length_ = 0;       // tokens of every hypothesis in rows_
  bool best_has_ended_ = false;
};

}  // namespace pyseq
