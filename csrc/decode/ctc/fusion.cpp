#include "decode/ctc/fusion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>
#include <utility>

#include "ops/checks.h"

namespace pyseq {
namespace {

constexpr double kLn10 = 2.302585092994045684;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::string_view kLabel = "ctc.Decoder";
constexpr std::string_view kWordStart = "\xE2\x96\x81";  // U+2581
constexpr std::size_t kSlots = 1 << 13;                  // a power of two

std::size_t slot_of(NgramModel::State state, NgramModel::Word word) {
  const auto key =
      (static_cast<std::uint64_t>(static_cast<std::uint32_t>(state)) << 32) | static_cast<std::uint32_t>(word);
  return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15U) >> 40) & (kSlots - 1);
}

/// Names under which language models over tokens know a class.
NgramModel::Word find_token(const NgramModel& model, const std::string& text) {
  if (text == " ") {
    for (const char* const name : {"<space>", "|", "\xE2\x96\x81"}) {
      if (model.contains(name)) return model.find(name);
    }
  }
  return model.find(text);
}

}  // namespace

CtcLanguageCache::CtcLanguageCache(const NgramModel* model) : model_(model) {
  constexpr NgramModel::State kVacant = -2;
  if (model == nullptr) return;
  slots_.assign(kSlots, {kVacant, 0, {}});
}

CtcLanguageCache::Answer CtcLanguageCache::step(NgramModel::State state, NgramModel::Word word) {
  Slot& slot = slots_[slot_of(state, word)];
  if (slot.state != state || slot.word != word) {
    const NgramModel::Step step = model_->step(state, word);
    slot = {state, word, {kLn10 * static_cast<double>(step.log10_prob), step.state}};
  }
  return slot.answer;
}

CtcFusion::CtcFusion(CtcVocabulary vocabulary, const CtcOptions& options, CtcKnowledge knowledge)
    : vocabulary_(std::move(vocabulary)),
      options_(options),
      entries_(std::move(knowledge.lexicon)),
      model_(std::move(knowledge.language_model)),
      unit_(knowledge.unit),
      hot_words_(knowledge.hot_words, vocabulary_.separator) {
  check();
  for (const CtcHotWord& phrase : knowledge.hot_words) {
    if (phrase.spelling.empty() || !std::isfinite(phrase.boost)) {
      throw_value(kLabel, "hot_words", "a phrase without tokens or with an infinite boost", "tokens and a number");
    }
    check_indices(kLabel, "hot_words", phrase.spelling, static_cast<std::int64_t>(vocabulary_.texts.size()),
                  "the classes");
  }
  for (std::size_t token = 0; token < vocabulary_.texts.size(); ++token) {
    const std::string& text = vocabulary_.texts[token];
    const bool is_separator = static_cast<std::int64_t>(token) == vocabulary_.separator;
    const bool is_start = !has_separator() && text.rfind(kWordStart, 0) == 0;
    begins_word_.push_back(is_separator || is_start ? 1 : 0);
    word_texts_.push_back(is_separator ? "" : text.substr(is_start ? kWordStart.size() : 0));
    if (token_model() != nullptr) token_words_.push_back(find_token(*model_, text));
  }
  if (model_) unknown_ = model_->find("");  // no word is empty
  make_lexicon();
  make_bounds();
}

void CtcFusion::check() const {
  const auto classes = static_cast<std::int64_t>(vocabulary_.texts.size());
  const auto check_class = [&](const char* argument, std::int64_t value) {
    if (value >= 0 && value < classes) return;
    throw_value(kLabel, argument, std::to_string(value), "a class, 0 to " + std::to_string(classes - 1));
  };
  check_class("blank", vocabulary_.blank);
  if (has_separator()) check_class("separator", vocabulary_.separator);
  if (vocabulary_.separator == vocabulary_.blank) {
    throw_value(kLabel, "separator", "the blank", "another class");
  }
  if (options_.beam_size < 1 || options_.beam_size > (1 << 20)) {
    throw_value(kLabel, "beam_size", std::to_string(options_.beam_size), "1 to 1048576");
  }
  if (options_.n_best < 1 || options_.n_best > options_.beam_size) {
    throw_value(kLabel, "n_best", std::to_string(options_.n_best),
                "1 to beam_size (" + std::to_string(options_.beam_size) + ")");
  }
  if (options_.tokens_per_frame < 0) {
    throw_value(kLabel, "tokens_per_frame", std::to_string(options_.tokens_per_frame), "0 (all) or more");
  }
  if (!(options_.beam_threshold >= 0)) {
    throw_value(kLabel, "beam_threshold", std::to_string(options_.beam_threshold), "0 or more");
  }
  for (const auto& [name, value] :
       {std::pair("blank_penalty", options_.blank_penalty), std::pair("alpha", options_.alpha),
        std::pair("beta", options_.beta), std::pair("unknown_score", options_.unknown_score)}) {
    if (!std::isfinite(value)) throw_value(kLabel, name, std::to_string(value), "a finite number");
  }
  if (std::isnan(options_.min_token_log_prob)) throw_value(kLabel, "min_token_log_prob", "NaN", "a number");
}

void CtcFusion::make_lexicon() {
  if (entries_.empty()) return;
  std::vector<double> values;
  CtcLanguageCache cache = new_cache();
  for (const CtcLexiconEntry& entry : entries_) {
    if (entry.spelling.empty()) throw_value(kLabel, "lexicon", "no spelling for " + in_quotes(entry.word), "tokens");
    check_indices(kLabel, "lexicon", entry.spelling, static_cast<std::int64_t>(vocabulary_.texts.size()),
                  "the classes");
    for (const std::int64_t token : entry.spelling) {
      if (token != vocabulary_.blank && token != vocabulary_.separator) continue;
      throw_value(kLabel, "lexicon",
                  std::string(token == vocabulary_.blank ? "the blank" : "the separator") + " in the spelling of " +
                      in_quotes(entry.word),
                  "other classes");
    }
    finished_words_.push_back(find_word(entry.word));
    values.push_back(finished_words_.back() == CtcMove::kNoWord
                         ? 0
                         : word_gain(NgramModel::kEmpty, finished_words_.back(), cache).gain);
  }
  lexicon_ = std::make_unique<CtcLexicon>(entries_, values);
}

void CtcFusion::make_bounds() {
  const bool bounded = model_ == nullptr || options_.alpha >= 0;  // a log-probability is at most 0
  if (unit_ == CtcLanguageUnit::word || model_ == nullptr) {
    most_word_gain_ = bounded ? std::max(0.0, options_.beta + std::max(0.0, options_.unknown_score)) : kInfinity;
  } else {
    most_token_gain_ = bounded ? options_.beta : kInfinity;
  }
  most_token_gain_ += hot_words_.most_gain();
  is_plain_ = !model_ && !lexicon_ && hot_words_.empty() && options_.beta == 0;
}

NgramModel::Word CtcFusion::find_word(std::string_view word) const {
  if (token_model() != nullptr) return CtcMove::kNoWord;
  return model_ ? model_->find(word) : NgramModel::kUnknown;
}

CtcContext CtcFusion::start() const {
  CtcContext context;
  context.hot = hot_words_.start();
  if (model_ && options_.sentence_begin) context.language_state = model_->begin();
  return context;
}

CtcFusion::WordGain CtcFusion::word_gain(NgramModel::State state, NgramModel::Word word,
                                         CtcLanguageCache& cache) const {
  if (!model_) return {options_.beta, 0, state};
  const CtcLanguageCache::Answer answer = cache.step(state, word);
  const double extra = word == unknown_ ? options_.unknown_score : 0;
  return {options_.alpha * answer.log_prob + options_.beta + extra, answer.log_prob, answer.state};
}

CtcFusion::WordGain CtcFusion::language_gain(const CtcContext& context, const CtcMove& move,
                                             CtcLanguageCache& cache) const {
  if (token_model() != nullptr) {
    const NgramModel::Word word = token_words_[static_cast<std::size_t>(move.token)];
    const CtcLanguageCache::Answer answer = cache.step(context.language_state, word);
    return {options_.alpha * answer.log_prob + options_.beta, answer.log_prob, answer.state};
  }
  if (move.finished == CtcMove::kNoWord) return {0, 0, context.language_state};
  return word_gain(context.language_state, move.finished, cache);
}

double CtcFusion::gain(const CtcContext& context, const CtcMove& move, CtcLanguageCache& cache) const {
  double gain = lookahead(move.lexicon) - lookahead(context.lexicon) + language_gain(context, move, cache).gain;
  if (!hot_words_.empty()) gain += hot_words_.step(context.hot, move.token).gain;
  return gain;
}

CtcContext CtcFusion::extend(const CtcContext& context, const CtcMove& move, CtcLanguageCache& cache) const {
  const WordGain language = language_gain(context, move, cache);
  CtcContext next = context;
  next.bonus += gain(context, move, cache);
  next.language += language.log_prob;
  next.language_state = language.state;
  next.lexicon = move.lexicon;
  if (!hot_words_.empty()) next.hot = hot_words_.step(context.hot, move.token).state;
  return next;
}

CtcContext CtcFusion::finish(const CtcContext& context, NgramModel::Word finished, CtcLanguageCache& cache) const {
  CtcContext last = context;
  last.bonus -= lookahead(context.lexicon);
  last.lexicon = CtcLexicon::kRoot;
  if (finished != CtcMove::kNoWord) {
    const WordGain word = word_gain(context.language_state, finished, cache);
    last.bonus += word.gain;
    last.language += word.log_prob;
    last.language_state = word.state;
  }
  if (model_ && options_.sentence_end) {
    const double end = kLn10 * static_cast<double>(model_->end(last.language_state));
    last.bonus += options_.alpha * end;
    last.language += end;
  }
  if (!hot_words_.empty()) last.bonus += hot_words_.finish(context.hot);
  return last;
}

}  // namespace pyseq
