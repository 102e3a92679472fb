// Words and segments of aligned tokens.
#include "decode/ctc/spans.h"

#include <cmath>

namespace pyseq {
namespace {

/// Adds tokens up.
class Confidence {
 public:
  void add(const CtcToken& token) {
    log_prob_ += token.log_prob;
    frames_ += token.end - token.start;
  }
  double value() const { return frames_ > 0 ? std::exp(log_prob_ / static_cast<double>(frames_)) : 0.0; }

 private:
  double log_prob_ = 0;
  std::int64_t frames_ = 0;
};

}  // namespace

CtcSpan ctc_span(std::span<const CtcToken> tokens, std::size_t first, std::size_t last) {
  Confidence confidence;
  for (const CtcToken& token : tokens.subspan(first, last - first)) confidence.add(token);
  return {.first = static_cast<std::int64_t>(first),
          .last = static_cast<std::int64_t>(last),
          .start = tokens[first].start,
          .end = tokens[last - 1].end,
          .confidence = confidence.value()};
}

std::vector<CtcSpan> ctc_words(std::span<const CtcToken> tokens, std::int64_t separator) {
  std::vector<CtcSpan> words;
  for (std::size_t first = 0; first < tokens.size(); ++first) {
    std::size_t last = first;
    while (last < tokens.size() && tokens[last].token != separator) ++last;
    if (last > first) words.push_back(ctc_span(tokens, first, last));
    first = last;
  }
  return words;
}

std::vector<CtcSpan> ctc_segments(std::span<const CtcToken> tokens, std::span<const CtcSpan> words,
                                  std::int64_t pause) {
  if (pause < 1) throw ValueError("ctc.segments: pause has " + std::to_string(pause) + ", expected at least 1 frame");
  std::vector<CtcSpan> segments;
  Confidence confidence;
  for (const CtcSpan& word : words) {
    if (word.first < 0 || word.last < word.first || word.last > static_cast<std::int64_t>(tokens.size())) {
      throw IndexError("ctc.segments: words has tokens " + std::to_string(word.first) + " to " +
                       std::to_string(word.last) + ", expected a part of " + std::to_string(tokens.size()));
    }
    if (segments.empty() || word.start - segments.back().end >= pause) {
      segments.push_back(word);
      confidence = {};
    }
    for (std::int64_t i = word.first; i < word.last; ++i) confidence.add(tokens[static_cast<std::size_t>(i)]);
    segments.back().last = word.last;
    segments.back().end = word.end;
    segments.back().confidence = confidence.value();
  }
  return segments;
}

}  // namespace pyseq
