// TextWriter: one text while a language model writes it: draws its tokens from logits, minds its constraints and its
// end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "decode/constraints/constraint_tracker.h"
#include "pyseq/generator.h"

namespace pyseq {

class TextWriter {
 public:
  /// What is written goes on with a prompt of so many tokens, or, with `begins_text`, with a start mark alone.
  /// ValueError: impossible options.
  TextWriter(const Generator& generator, const GenerationOptions& options, std::size_t prompt, bool begins_text);

  /// The end mark has come, or the longest length, or there are no positions left.
  bool is_done() const { return left_ == 0; }
  /// The next token, by the logits [vocabulary] after the last one; nothing: the text is done. ValueError: no token is
  /// allowed, or logits that are not finite.
  std::optional<GeneratedToken> next(std::span<const float> logits);

 private:
  std::optional<Sampler::Draw> draw(std::span<const float> logits);
  Sampler::Draw draw_allowed(std::span<const float> logits, std::span<const float> allowed);

  std::shared_ptr<const Vocabulary> vocabulary_;
  std::int64_t end_;   // kNoEndMark: none
  std::int64_t left_;  // tokens that may still come
  std::int64_t written_ = 0;
  bool begins_text_;
  Sampler sampler_;
  std::optional<ConstraintTracker> constraints_;
  ConstraintTracker::State state_ = ConstraintTracker::kStart;
};

/// What a token adds to a text: words are joined by single spaces, characters directly; pieces of words tell where a
/// space is.
std::string joined_after(const std::string& token, TextUnit unit, bool begins_text);

}  // namespace pyseq
