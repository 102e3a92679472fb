// What a search has found: the best prefixes with their tokens, words and times.
#include <algorithm>

#include "decode/ctc/search.h"
#include "decode/ctc/spans.h"

namespace pyseq {
namespace {

/// Tokens [first, last) as a word; a word without tokens of its own has no place.
CtcWord word_of(std::span<const CtcToken> tokens, std::int64_t first, std::int64_t last, std::string text) {
  if (first >= last) return {{.first = first, .last = first}, std::move(text)};
  return {ctc_span(tokens, static_cast<std::size_t>(first), static_cast<std::size_t>(last)), std::move(text)};
}

}  // namespace

std::vector<CtcHypothesis> CtcSearch::hypotheses(bool final) const {
  CtcLanguageCache cache = fusion_.new_cache();
  std::vector<Finished> all;
  for (std::size_t beam = 0; beam < beams_.size(); ++beam) add_finished(beam, final, cache, all);
  const auto count = std::min(all.size(), static_cast<std::size_t>(fusion_.options().n_best));
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                    [](const Finished& a, const Finished& b) {
                      if (a.complete != b.complete) return a.complete;
                      if (a.score != b.score) return a.score > b.score;
                      return a.beam != b.beam ? a.beam < b.beam : a.word < b.word;
                    });
  // An unfinished word is no answer where another hypothesis has none.
  const bool any_complete = !all.empty() && all.front().complete;
  std::vector<CtcHypothesis> result;
  for (std::size_t i = 0; i < count; ++i) {
    if (final && any_complete && !all[i].complete) break;
    result.push_back(hypothesis(all[i]));
  }
  return result;
}

/// What a beam is at the end: in a lexicon with a separator, once for every word that its spelling completes.
void CtcSearch::add_finished(std::size_t beam, bool final, CtcLanguageCache& cache, std::vector<Finished>& all) const {
  const Beam& one = beams_[beam];
  const CtcContext& context = prefixes_[one.node].context;
  if (!final || fusion_.is_plain()) {
    all.push_back({one.total + one.bonus, beam, context, CtcPrefix::kNone, true});
    return;
  }
  const auto add = [&](std::int32_t word, NgramModel::Word number, bool complete) {
    const CtcContext last = fusion_.finish(context, number, cache);
    all.push_back({one.total + last.bonus, beam, last, word, complete});
  };
  if (fusion_.lexicon() == nullptr) return add(CtcPrefix::kNone, unfinished_word(one.node), true);
  if (context.lexicon == CtcLexicon::kRoot) return add(CtcPrefix::kNone, CtcMove::kNoWord, true);
  const std::span<const std::int32_t> words = fusion_.lexicon()->words(context.lexicon);
  if (!fusion_.has_separator() || words.empty()) return add(CtcPrefix::kNone, CtcMove::kNoWord, false);
  for (const std::int32_t word : words) add(word, fusion_.finished_word(word), true);
}

CtcHypothesis CtcSearch::hypothesis(const Finished& finished) const {
  const Beam& beam = beams_[finished.beam];
  CtcHypothesis result;
  result.tokens = tokens_of(beam);
  result.score = finished.score;
  result.log_prob = beam.total;
  result.language_log_prob = finished.context.language;
  result.complete = finished.complete;
  add_words(finished, result);
  return result;
}

std::vector<CtcToken> CtcSearch::tokens_of(const Beam& beam) const {
  std::vector<CtcToken> tokens;
  const CtcTrail& trail = beam.label_trail.log_prob > beam.blank_trail.log_prob ? beam.label_trail : beam.blank_trail;
  std::int64_t end = trail.end;
  double log_prob = trail.token_log_prob;
  std::int32_t time = trail.time;
  for (std::int32_t node = beam.node; node != CtcPrefixTree::kRoot; node = prefixes_[node].parent) {
    const CtcTime& at = times_[static_cast<std::size_t>(time)];
    tokens.push_back({prefixes_[node].token, at.start, end, log_prob});
    end = at.end_before;
    log_prob = at.log_prob_before;
    time = at.before;
  }
  std::reverse(tokens.begin(), tokens.end());
  return tokens;
}

void CtcSearch::add_words(const Finished& finished, CtcHypothesis& result) const {
  if (fusion_.lexicon() != nullptr) {
    add_lexicon_words(finished, result);
  } else {
    add_spelled_words(result);
  }
  for (const CtcWord& word : result.words) {
    if (!result.text.empty()) result.text += ' ';
    result.text += word.text;
  }
}

/// Words are what stands between separators, or begins with U+2581.
void CtcSearch::add_spelled_words(CtcHypothesis& result) const {
  std::int64_t first = 0;
  std::string text;
  const auto close = [&](std::int64_t last) {
    if (!text.empty()) result.words.push_back(word_of(result.tokens, first, last, std::move(text)));
    text.clear();
  };
  const auto count = static_cast<std::int64_t>(result.tokens.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const auto token = static_cast<std::int32_t>(result.tokens[static_cast<std::size_t>(i)].token);
    if (fusion_.begins_word(token)) {
      close(i);
      first = fusion_.is_separator(token) ? i + 1 : i;
    }
    text += fusion_.word_text(token);
  }
  close(count);
}

void CtcSearch::add_lexicon_words(const Finished& finished, CtcHypothesis& result) const {
  std::vector<std::int32_t> words;  // that each token completes
  for (std::int32_t node = beams_[finished.beam].node; node != CtcPrefixTree::kRoot; node = prefixes_[node].parent) {
    words.push_back(prefixes_[node].word);
  }
  std::reverse(words.begin(), words.end());
  std::int64_t first = 0;
  const auto count = static_cast<std::int64_t>(words.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t word = words[static_cast<std::size_t>(i)];
    const auto token = static_cast<std::int32_t>(result.tokens[static_cast<std::size_t>(i)].token);
    const std::int64_t last = fusion_.is_separator(token) ? i : i + 1;
    if (word != CtcPrefix::kNone) {
      result.words.push_back(word_of(result.tokens, first, last, fusion_.lexicon_word(word)));
    }
    if (word != CtcPrefix::kNone || fusion_.is_separator(token)) first = i + 1;
  }
  if (finished.word != CtcPrefix::kNone) {
    result.words.push_back(word_of(result.tokens, first, count, fusion_.lexicon_word(finished.word)));
  }
}

}  // namespace pyseq
