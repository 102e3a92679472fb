#include "decode/text_writer.h"

#include <string>
#include <utility>
#include <vector>

#include "decode/log_probs.h"
#include "text/subwords.h"

namespace pyseq {
namespace {

std::int64_t checked_length(const Generator& generator, std::size_t prompt, std::int64_t length) {
  if (length < 0) throw ValueError("generate: max_length is " + std::to_string(length) + ", expected 0 or more");
  return generator.length_after(static_cast<std::int64_t>(prompt),
                                length == 0 ? generator.default_max_length() : length);
}

}  // namespace

std::string joined_after(const std::string& token, TextUnit unit, bool begins_text) {
  if (unit == TextUnit::subword) return begins_text ? subwords_as_text(token) : with_spaces(token);
  return unit == TextUnit::word && !begins_text ? " " + token : token;
}

TextWriter::TextWriter(const Generator& generator, const GenerationOptions& options, std::size_t prompt,
                       bool begins_text)
    : vocabulary_(generator.shared_vocabulary()),
      end_(generator.end_mark().value_or(kNoEndMark)),
      left_(checked_length(generator, prompt, options.max_length)),
      begins_text_(begins_text),
      sampler_(options.sampling) {
  if (options.allowed.empty()) return;
  for (const auto& automaton : options.allowed) automaton->check(vocabulary_->size(), end_);
  constraints_.emplace(options.allowed, ConstraintTracker::Automata{}, std::vector<std::vector<std::int64_t>>{}, end_);
  const auto joint = JointLookahead::make(constraints_->automata(), constraints_->phrases(), {.max_length = left_},
                                          vocabulary_->size(), end_);
  if (joint && !joint->is_possible()) {
    throw ValueError("generate: no text of " + std::to_string(left_) +
                     " tokens or less is allowed by all of: " + joint->names());
  }
  constraints_->look_ahead(joint);
}

std::optional<GeneratedToken> TextWriter::next(std::span<const float> logits) {
  const std::optional<Sampler::Draw> draw = this->draw(logits);
  if (!draw || draw->token == end_) {
    left_ = 0;
    return std::nullopt;
  }
  --left_;
  ++written_;
  const std::string& token = vocabulary_->token(draw->token);
  GeneratedToken found{draw->token, joined_after(token, vocabulary_->unit(), begins_text_), draw->log_prob};
  begins_text_ = false;
  return found;
}

/// Draws among what is allowed; nothing: no token is, and none has to come.
std::optional<Sampler::Draw> TextWriter::draw(std::span<const float> logits) {
  if (!constraints_) return sampler_.draw(logits);
  std::vector<float> allowed(logits.begin(), logits.end());
  constraints_->restrict(state_, left_, allowed);
  if (!has_finite_maximum(allowed.data(), vocabulary_->size())) {
    if (constraints_->is_complete(state_)) return std::nullopt;
    throw ValueError("generate: nothing that is allowed may follow after " + std::to_string(written_) + " tokens");
  }
  return draw_allowed(logits, allowed);
}

/// Its log probability is that of the model, whatever is allowed.
Sampler::Draw TextWriter::draw_allowed(std::span<const float> logits, std::span<const float> allowed) {
  Sampler::Draw result = sampler_.draw(allowed);
  std::vector<float> log_probs(allowed.size());
  if (!log_softmax_row(logits.data(), vocabulary_->size(), log_probs.data())) {
    reject_logits("generate: token " + std::to_string(written_), logits.data(), vocabulary_->size());
  }
  result.log_prob = log_probs[static_cast<std::size_t>(result.token)];
  state_ = constraints_->extend(state_, result.token);
  return result;
}

}  // namespace pyseq
