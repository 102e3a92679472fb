#include "decode/token_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pyseq {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

}  // namespace

TokenRules::TokenRules(const DecodingOptions& options, const Marks& marks)
    : tokens_(options.tokens), min_length_(options.min_length), end_(marks.end) {
  always_ = !tokens_.biases.empty() || tokens_.repetition_penalty != 1.0 || tokens_.no_repeat_ngram > 0 ||
            !tokens_.suppress.empty() || !tokens_.suppress_sequences.empty() || !tokens_.vocabulary.empty();
}

bool TokenRules::forbids_end(const Position& position) const {
  return end_ != kNoEndMark && (position.bans_end || position.length < min_length_);
}

bool TokenRules::concern(const Position& position) const {
  return always_ || forbids_end(position) || !position.vocabulary.empty() ||
         (position.is_first && !tokens_.suppress_first.empty());
}

void TokenRules::apply(const Position& position, std::span<float> logits) const {
  for (const auto& [token, bias] : tokens_.biases) logits[token] += static_cast<float>(bias);
  penalise_repetition(position.history, logits);
  forbid_repeated_ngrams(position.history, logits);
  forbid_sequences(position.history, logits);
  for (const std::int64_t token : tokens_.suppress) logits[token] = kNever;
  if (position.is_first) {
    for (const std::int64_t token : tokens_.suppress_first) logits[token] = kNever;
  }
  restrict(tokens_.vocabulary, logits);
  restrict(position.vocabulary, logits);
  if (forbids_end(position)) logits[end_] = kNever;
}

std::string TokenRules::reason(const Position& position, std::span<const float> logits, std::int64_t token) const {
  std::vector<float> changed(logits.begin(), logits.end());
  const auto is_impossible = [&] { return std::isinf(changed[static_cast<std::size_t>(token)]); };
  const auto has = [&](const std::vector<std::int64_t>& tokens) {
    return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
  };
  for (const auto& [biased, bias] : tokens_.biases) {
    if (biased == token && std::isinf(bias)) return "bias";
  }
  forbid_repeated_ngrams(position.history, changed);
  if (is_impossible()) return "no_repeat_ngram";
  forbid_sequences(position.history, changed);
  if (is_impossible()) return "suppress_sequences";
  if (has(tokens_.suppress)) return "suppress";
  if (position.is_first && has(tokens_.suppress_first)) return "suppress_first";
  restrict(tokens_.vocabulary, changed);
  restrict(position.vocabulary, changed);
  if (is_impossible()) return "vocabulary";
  if (token == end_ && position.bans_end) return "alternatives";
  if (token == end_ && position.length < min_length_) return "min_length";
  return "";
}

void TokenRules::penalise_repetition(std::span<const std::int64_t> history, std::span<float> logits) const {
  if (tokens_.repetition_penalty == 1.0) return;
  const auto penalty = static_cast<float>(tokens_.repetition_penalty);
  std::vector<std::int64_t> distinct(history.begin(), history.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (const std::int64_t token : distinct) {
    logits[token] = logits[token] > 0 ? logits[token] / penalty : logits[token] * penalty;
  }
}

void TokenRules::forbid_repeated_ngrams(std::span<const std::int64_t> history, std::span<float> logits) const {
  const auto n = static_cast<std::size_t>(tokens_.no_repeat_ngram);
  if (n == 0 || history.size() < n) return;
  const auto last = history.last(n - 1);  // what the next token would complete to an n-gram
  for (std::size_t begin = 0; begin + n <= history.size(); ++begin) {
    if (std::equal(last.begin(), last.end(), history.begin() + static_cast<std::ptrdiff_t>(begin))) {
      logits[history[begin + n - 1]] = kNever;
    }
  }
}

void TokenRules::forbid_sequences(std::span<const std::int64_t> history, std::span<float> logits) const {
  for (const std::vector<std::int64_t>& sequence : tokens_.suppress_sequences) {
    const std::size_t before = sequence.size() - 1;
    if (history.size() < before) continue;
    const auto last = history.last(before);
    if (std::equal(last.begin(), last.end(), sequence.begin())) logits[sequence.back()] = kNever;
  }
}

void TokenRules::restrict(std::span<const std::int64_t> allowed, std::span<float> logits) const {
  if (allowed.empty()) return;
  std::vector<float> kept;
  for (const std::int64_t token : allowed) kept.push_back(logits[token]);
  const float end = end_ == kNoEndMark ? kNever : logits[end_];
  std::fill(logits.begin(), logits.end(), kNever);
  if (end_ != kNoEndMark) logits[end_] = end;
  for (std::size_t i = 0; i < allowed.size(); ++i) logits[allowed[i]] = kept[i];
}

}  // namespace pyseq
