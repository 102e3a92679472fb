// What a label sequence gains beside its frames: language model, lexicon, hot words. Everything here is a function of
// the labels alone, so it is kept with the prefix and paid when a token is added.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decode/ctc/hot_words.h"
#include "decode/ctc/lexicon.h"
#include "pyseq/ctc_decoder.h"

namespace pyseq {

/// What knowledge makes of a prefix.
struct CtcContext {
  double bonus = 0;     // all gains
  double language = 0;  // ln p_lm
  CtcLexicon::Node lexicon = CtcLexicon::kRoot;
  NgramModel::State language_state = NgramModel::kEmpty;
  std::int32_t hot = 0;
};

/// A token that is added to a prefix.
struct CtcMove {
  static constexpr std::int32_t kNoWord = -2;  // NgramModel::kUnknown is a word

  std::int32_t token = 0;
  CtcLexicon::Node lexicon = CtcLexicon::kRoot;  // where the lexicon is then
  NgramModel::Word finished = kNoWord;           // the language model's number of a word that it completes
};

/// Answers of the language model that are asked for again: of every frame, most are those of the frame before.
class CtcLanguageCache {
 public:
  struct Answer {
    double log_prob;  // natural
    NgramModel::State state;
  };

  explicit CtcLanguageCache(const NgramModel* model);
  Answer step(NgramModel::State state, NgramModel::Word word);

 private:
  struct Slot {
    NgramModel::State state;
    NgramModel::Word word;
    Answer answer;
  };

  const NgramModel* model_;
  std::vector<Slot> slots_;
};

/// Immutable; the caches are those of a search.
class CtcFusion {
 public:
  CtcFusion(CtcVocabulary vocabulary, const CtcOptions& options, CtcKnowledge knowledge);

  const CtcVocabulary& vocabulary() const { return vocabulary_; }
  const CtcOptions& options() const { return options_; }
  const CtcLexicon* lexicon() const { return lexicon_.get(); }
  const NgramModel* word_model() const { return unit_ == CtcLanguageUnit::word ? model_.get() : nullptr; }
  const NgramModel* token_model() const { return unit_ == CtcLanguageUnit::token ? model_.get() : nullptr; }
  CtcLanguageCache new_cache() const { return CtcLanguageCache(model_.get()); }

  /// Nothing to gain: frames alone decide.
  bool is_plain() const { return is_plain_; }
  bool has_separator() const { return vocabulary_.separator >= 0; }
  bool is_separator(std::int32_t token) const { return token == vocabulary_.separator; }
  /// Whether a token ends the word before it.
  bool begins_word(std::int32_t token) const { return begins_word_[static_cast<std::size_t>(token)] != 0; }
  /// What a token adds to its word.
  std::string_view word_text(std::int32_t token) const { return word_texts_[static_cast<std::size_t>(token)]; }

  const std::string& lexicon_word(std::int32_t word) const { return entries_[static_cast<std::size_t>(word)].word; }
  /// The language model's number of a word of the lexicon; kNoWord where there is none that counts words.
  NgramModel::Word finished_word(std::int32_t word) const { return finished_words_[static_cast<std::size_t>(word)]; }
  /// The same for any text.
  NgramModel::Word find_word(std::string_view word) const;

  CtcContext start() const;
  double gain(const CtcContext& context, const CtcMove& move, CtcLanguageCache& cache) const;
  /// No move that leads to the lexicon's node `to` gains more.
  double most_gain(const CtcContext& context, CtcLexicon::Node to, bool finishes_word) const {
    return lookahead(to) - lookahead(context.lexicon) + (finishes_word ? most_word_gain_ : 0) + most_token_gain_;
  }
  CtcContext extend(const CtcContext& context, const CtcMove& move, CtcLanguageCache& cache) const;
  /// The context at the end of the utterance, its last word completed by `finished` unless that is kNoWord.
  CtcContext finish(const CtcContext& context, NgramModel::Word finished, CtcLanguageCache& cache) const;

 private:
  struct WordGain {
    double gain, log_prob;
    NgramModel::State state;
  };

  void check() const;
  void make_lexicon();
  void make_bounds();
  double lookahead(CtcLexicon::Node node) const { return lexicon_ ? lexicon_->lookahead(node) : 0; }
  WordGain word_gain(NgramModel::State state, NgramModel::Word word, CtcLanguageCache& cache) const;
  WordGain language_gain(const CtcContext& context, const CtcMove& move, CtcLanguageCache& cache) const;

  CtcVocabulary vocabulary_;
  CtcOptions options_;
  std::vector<CtcLexiconEntry> entries_;
  std::shared_ptr<const NgramModel> model_;
  CtcLanguageUnit unit_;
  CtcHotWords hot_words_;
  std::unique_ptr<CtcLexicon> lexicon_;
  std::vector<NgramModel::Word> finished_words_, token_words_;
  std::vector<std::string> word_texts_;
  std::vector<std::uint8_t> begins_word_;
  NgramModel::Word unknown_ = NgramModel::kUnknown;
  double most_word_gain_ = 0, most_token_gain_ = 0;
  bool is_plain_ = false;
};

}  // namespace pyseq
