// Prefix beam search over frames, one utterance. Its state is what a stream carries.
#pragma once

#include <cstdint>
#include <vector>

#include "decode/ctc/frame_tokens.h"
#include "decode/ctc/fusion.h"
#include "decode/ctc/prefix_tree.h"

namespace pyseq {

class CtcSearch {
 public:
  explicit CtcSearch(const CtcFusion& fusion);

  /// Goes on with one frame of log-probabilities [classes].
  void step(const float* log_probs);
  std::vector<CtcHypothesis> hypotheses(bool final) const;
  std::int64_t frames() const { return frame_; }

 private:
  /// A prefix in the beam. Its paths end in the blank or in its last token.
  struct Beam {
    std::int32_t node = CtcPrefixTree::kRoot, token = CtcPrefix::kNone;
    double blank = 0, label = 0, total = 0;  // log-probabilities; total = ln(e^blank + e^label)
    double bonus = 0;                        // the prefix's
    CtcTrail blank_trail, label_trail;
  };

  /// A beam that stays (token kNone), or one with a token more.
  struct Candidate {
    double score;
    std::int32_t beam, token, word, lexicon;
  };

  struct Finished {
    double score;
    std::size_t beam;
    CtcContext context;
    std::int32_t word;  // of the lexicon, that the end completes
    bool complete;
  };

  void stay(std::size_t beam, const float* log_probs);
  void expand(const float* log_probs);
  void expand_plain(std::size_t beam);
  void expand_free(std::size_t beam);
  void expand_lexicon(std::size_t beam, const float* log_probs);
  void finish_words(std::size_t beam, std::int32_t token, double log_prob, std::span<const std::int32_t> words);
  bool in_beam(std::size_t beam, std::int32_t token, std::int32_t word) const;
  void offer(const Candidate& candidate);
  void keep_best();
  void move_on(const float* log_probs);
  Beam extended(const Candidate& candidate, const float* log_probs);
  CtcMove move_of(const Beam& beam, std::int32_t token, std::int32_t word, std::int32_t lexicon);
  void collect();

  NgramModel::Word unfinished_word(std::int32_t node) const;
  NgramModel::Word spelled(std::int32_t node);
  void add_finished(std::size_t beam, bool final, CtcLanguageCache& cache, std::vector<Finished>& all) const;
  CtcHypothesis hypothesis(const Finished& finished) const;
  std::vector<CtcToken> tokens_of(const Beam& beam) const;
  void add_words(const Finished& finished, CtcHypothesis& result) const;
  void add_spelled_words(CtcHypothesis& result) const;
  void add_lexicon_words(const Finished& finished, CtcHypothesis& result) const;

  const CtcFusion& fusion_;
  CtcLanguageCache cache_;
  CtcFrameTokens tokens_;
  CtcPrefixTree prefixes_;
  std::vector<CtcTime> times_;
  std::vector<Beam> beams_, stayed_, next_;
  std::vector<std::int32_t> first_child_, next_child_;  // of beams: beams that have one token more
  std::vector<Candidate> candidates_;
  double threshold_ = 0;  // what a candidate must exceed
  double best_ = 0;       // the best score among the candidates
  std::int64_t frame_ = 0;
  std::size_t next_collection_;
};

}  // namespace pyseq
