// Prefix beam search over the frames of a CTC model, with a lexicon, an n-gram language model and hot words where they
// are given.
//
// A hypothesis is a label sequence; its probability sums over all of its paths that the beam has followed:
//
//     score = ln p(labels | frames) + alpha ln p_lm(words) + beta |words| + boosts of hot words
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/ctc.h"
#include "pyseq/ngram.h"

namespace pyseq {

/// The classes of a model.
struct CtcVocabulary {
  std::vector<std::string> texts;  // of the classes
  std::int64_t blank = 0;
  std::int64_t separator = -1;  // the class between words; -1: none. Without one, a text that begins with U+2581 begins
                                // a word.

  /// A text as classes: the longest text that fits comes first, spaces are the separator or U+2581. Nothing where some
  /// part of it is the text of no class.
  std::optional<std::vector<std::int64_t>> spell(std::string_view text) const;
};

struct CtcLexiconEntry {
  std::string word;
  std::vector<std::int64_t> spelling;  // classes, without separators
};

/// A phrase that gains `boost` wherever it stands (between separators, where there are some).
struct CtcHotWord {
  std::vector<std::int64_t> spelling;
  double boost = 0;
};

enum class CtcLanguageUnit { word, token };

/// What a decoder knows beside the frames.
struct CtcKnowledge {
  std::vector<CtcLexiconEntry> lexicon;  // empty: any label sequence
  std::shared_ptr<const NgramModel> language_model;
  CtcLanguageUnit unit = CtcLanguageUnit::word;  // what the model's words are
  std::vector<CtcHotWord> hot_words;
};

struct CtcOptions {
  std::int64_t beam_size = 16;
  std::int64_t n_best = 1;
  std::int64_t tokens_per_frame = 0;                                     // the best ones are tried; 0: all
  double min_token_log_prob = -std::numeric_limits<double>::infinity();  // less likely ones are not tried
  double beam_threshold = std::numeric_limits<double>::infinity();       // hypotheses so far below the best are dropped
  double blank_penalty = 0;                                              // subtracted from the blank's log-probability
  double alpha = 0.5;                                                    // weight of the language model
  double beta = 0;                                                       // added for every word (token)
  double unknown_score = -10;  // added for a word that the model does not know
  bool sentence_begin = true;  // the language model starts after <s>
  bool sentence_end = true;    // and ends with </s>
};

struct CtcWord : CtcSpan {
  std::string text;
};

struct CtcHypothesis {
  std::string text;
  std::vector<CtcToken> tokens;  // on the likeliest path that the beam has followed
  std::vector<CtcWord> words;
  double score = 0;              // what hypotheses are ranked by
  double log_prob = 0;           // of the labels given the frames, blank penalty included
  double language_log_prob = 0;  // ln p_lm, not weighted
  bool complete = true;          // false: it ends inside a word of the lexicon
};

class CtcFusion;
class CtcSearch;
class CtcStream;

/// Immutable, usable from many threads at once.
class CtcDecoder {
 public:
  /// ValueError: options out of range, a spelling with classes that do not exist, a lexicon without words.
  CtcDecoder(CtcVocabulary vocabulary, const CtcOptions& options, CtcKnowledge knowledge = {});

  /// The best hypotheses for log_probs [time, classes], best first, at most n_best; none where the lexicon allows none.
  std::vector<CtcHypothesis> decode(const Tensor& log_probs, const RunLimits& limits = {}) const;
  /// For log_probs [batch, time, classes] and lengths? [batch], row by row.
  std::vector<std::vector<CtcHypothesis>> decode_batch(const Tensor& log_probs, const Tensor& lengths = {},
                                                       const RunLimits& limits = {}) const;
  /// A search that takes frames as they come.
  CtcStream stream() const;

  const CtcVocabulary& vocabulary() const;
  const CtcOptions& options() const;

 private:
  std::shared_ptr<const CtcFusion> fusion_;
};

/// The search over one utterance. Fed in pieces of any size, it gives what decode() gives for all frames at once.
class CtcStream {
 public:
  explicit CtcStream(std::shared_ptr<const CtcFusion> fusion);
  CtcStream(CtcStream&&) noexcept;
  CtcStream& operator=(CtcStream&&) noexcept;
  ~CtcStream();

  /// Goes on with log_probs [time, classes]. Bad frames are refused as a whole: nothing changes.
  void feed(const Tensor& log_probs, const RunLimits& limits = {});
  /// The best hypotheses so far. `final`: as if the utterance ended here, with its last word and </s>.
  std::vector<CtcHypothesis> hypotheses(bool final = true) const;
  std::int64_t frames() const;
  /// Starts another utterance.
  void reset();

 private:
  std::shared_ptr<const CtcFusion> fusion_;
  std::unique_ptr<CtcSearch> search_;
};

}  // namespace pyseq
