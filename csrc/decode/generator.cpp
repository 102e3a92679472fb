#include "pyseq/generator.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/threads.h"
#include "decode/constraints/vocabulary_constraints.h"
#include "decode/log_probs.h"
#include "decode/prompt_reader.h"
#include "decode/session_pool.h"
#include "decode/task_fields.h"
#include "decode/text_stream_impl.h"
#include "pyseq/decode.h"

namespace pyseq {
namespace {

using Ids = std::vector<std::int64_t>;

constexpr const char* kKind = "generator";

Tensor as_row(std::span<const std::int64_t> ids) {
  Tensor tokens = Tensor::empty(DType::int64, {1, static_cast<std::int64_t>(ids.size())});
  std::copy(ids.begin(), ids.end(), tokens.mutable_data<std::int64_t>());
  return tokens;
}

void check_positions(const char* what, std::size_t tokens, std::optional<std::int64_t> positions) {
  if (positions && static_cast<std::int64_t>(tokens) > *positions) {
    throw ValueError(std::string(what) + " has " + std::to_string(tokens) + " tokens, expected at most " +
                     std::to_string(*positions) + " (the model's positions)");
  }
}

}  // namespace

Generator Generator::load(const std::filesystem::path& file, const LoadOptions& options) {
  return Generator(Program::load(file, options));
}

Generator::Generator(std::shared_ptr<const Program> program)
    : program_(std::move(program)), sessions_(std::make_shared<SessionPool>(program_)) {
  const TaskFields task(program_->task(), kKind);
  vocabulary_ = require_vocabulary(*program_, kKind, task.text("vocabulary"));
  start_ = task.optional_integer("start", 0);
  end_ = task.optional_integer("end", 0);
  positions_ = task.optional_integer("positions", 1);
  max_length_ = task.integer("max_length", 1);
  if (start_) require_id(*start_, "start", kKind, *vocabulary_);
  if (end_) require_id(*end_, "end", kKind, *vocabulary_);
  require_function(*program_, kKind, "step");
}

std::int64_t Generator::length_after(std::int64_t prompt, std::int64_t max_length) const {
  return positions_ ? std::min(max_length, *positions_ - prompt + 1) : max_length;
}

std::vector<std::int64_t> Generator::encode_prompt(std::string_view prompt) const {
  Ids ids = encode_text(prompt, "generate");
  check_positions("generate: the prompt", ids.size(), positions_);
  return ids;
}

std::vector<std::int64_t> Generator::encode_text(std::string_view text, std::string_view caller) const {
  Ids ids = vocabulary_->encode(text);
  if (start_) ids.insert(ids.begin(), *start_);
  if (ids.empty()) {
    throw ValueError(std::string(caller) + ": the text is empty, expected at least one " +
                     (vocabulary_->unit() == TextUnit::character ? "character" : "word") +
                     " (the model has no start mark)");
  }
  return ids;
}

TextStream Generator::stream(std::string_view prompt, const GenerationOptions& options) const {
  return TextStream(
      std::make_unique<TextStream::Impl>(*this, sessions_, encode_prompt(prompt), options, prompt.empty()));
}

std::string Generator::generate(std::string_view prompt, const GenerationOptions& options) const {
  std::string text(prompt);
  with_team([&] {  // the workers stay awake from step to step
    TextStream tokens = stream(prompt, options);
    while (const std::optional<GeneratedToken> token = tokens.next()) text += token->text;
  });
  return text;
}

std::shared_ptr<const TokenAutomaton> Generator::regex(std::string_view pattern) const {
  std::vector<std::int64_t> marks;
  if (start_) marks.push_back(*start_);
  if (end_) marks.push_back(*end_);
  return regex_over(*vocabulary_, pattern, marks);
}

std::shared_ptr<const TokenAutomaton> Generator::trie(const std::vector<std::string>& texts) const {
  return trie_over(*vocabulary_, texts);
}

TextScore Generator::score(std::string_view text, const RunLimits& limits) const {
  const Ids ids = encode_text(text, "score");
  check_positions("score: the text but for its last token", ids.size() - 1, positions_);
  SessionPool::Lease lease(*sessions_);
  ProgramStepModel model(*lease, (*lease).new_state(1));
  TextScore result;
  std::vector<float> log_probs(static_cast<std::size_t>(vocabulary_->size()));
  for (std::size_t begin = 0; begin + 1 < ids.size(); begin += kTokensAtOnce) {
    const std::size_t count = std::min<std::size_t>(kTokensAtOnce, ids.size() - 1 - begin);
    const Tensor logits = model.step(as_row(std::span(ids).subspan(begin, count)), limits);
    check_logits(kKind, logits, 1, static_cast<std::int64_t>(count), vocabulary_->size());
    for (std::size_t i = 0; i < count; ++i) {
      const float* row = logits.data<float>() + static_cast<std::int64_t>(i) * vocabulary_->size();
      if (!log_softmax_row(row, vocabulary_->size(), log_probs.data())) {
        reject_logits("score: token " + std::to_string(begin + i + 1), row, vocabulary_->size());
      }
      const std::int64_t id = ids[begin + i + 1];
      result.tokens.push_back(vocabulary_->token(id));
      result.token_log_probs.push_back(log_probs[static_cast<std::size_t>(id)]);
      result.log_prob += result.token_log_probs.back();
    }
  }
  return result;
}

}  // namespace pyseq
