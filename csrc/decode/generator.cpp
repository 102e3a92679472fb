#include "pyseq/generator.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/threads.h"
#include "decode/constraints/constraint_tracker.h"
#include "decode/constraints/vocabulary_constraints.h"
#include "decode/log_probs.h"
#include "decode/session_pool.h"
#include "decode/task_fields.h"
#include "pyseq/decode.h"
#include "text/subwords.h"

namespace pyseq {
namespace {

using Ids = std::vector<std::int64_t>;

constexpr const char* kKind = "generator";
constexpr std::int64_t kTokensAtOnce = 256;  // of a text that is read: bounds the memory of its logits

Tensor as_row(std::span<const std::int64_t> ids) {
  Tensor tokens = Tensor::empty(DType::int64, {1, static_cast<std::int64_t>(ids.size())});
  std::copy(ids.begin(), ids.end(), tokens.mutable_data<std::int64_t>());
  return tokens;
}

/// Words are joined by single spaces, characters directly; pieces of words tell where a space is.
std::string joined_after(const std::string& token, TextUnit unit, bool is_first) {
  if (unit == TextUnit::subword) return is_first ? subwords_as_text(token) : with_spaces(token);
  return unit == TextUnit::word && !is_first ? " " + token : token;
}

}  // namespace

struct TextStream::Impl {
  Impl(std::shared_ptr<SessionPool> pool, std::shared_ptr<const Vocabulary> vocabulary, std::optional<std::int64_t> end,
       std::int64_t length, const GenerationOptions& options)
      : sessions(std::move(pool)),
        lease(*sessions),
        model(*lease, (*lease).new_state(1)),
        vocabulary(std::move(vocabulary)),
        end(end),
        left(length),
        sampler(options.sampling),
        limits(options.limits) {
    if (options.allowed.empty()) return;
    const std::int64_t end_mark = end.value_or(ConstraintTracker::kNoEnd);
    for (const auto& automaton : options.allowed) automaton->check(this->vocabulary->size(), end_mark);
    constraints.emplace(options.allowed, ConstraintTracker::Automata{}, std::vector<Ids>{}, end_mark);
  }

  /// Feeds tokens; keeps the logits after the last one.
  void read(std::span<const std::int64_t> ids) {
    for (std::size_t begin = 0; begin < ids.size(); begin += kTokensAtOnce) {
      const auto part = ids.subspan(begin, std::min<std::size_t>(kTokensAtOnce, ids.size() - begin));
      logits = model.step(as_row(part), limits);
      check_logits(kKind, logits, 1, static_cast<std::int64_t>(part.size()), vocabulary->size());
    }
  }

  std::span<const float> last_logits() const {
    const std::int64_t size = logits.size(2);
    return {logits.data<float>() + (logits.size(1) - 1) * size, static_cast<std::size_t>(size)};
  }

  /// Draws among what is allowed; nothing: no token is, and none has to come.
  std::optional<Sampler::Draw> draw() {
    const std::span<const float> scores = last_logits();
    if (!constraints) return sampler.draw(scores);
    std::vector<float> allowed(scores.begin(), scores.end());
    constraints->restrict(state, left, allowed);
    if (!has_finite_maximum(allowed.data(), vocabulary->size())) {
      if (constraints->is_complete(state)) return std::nullopt;
      throw ValueError("generate: nothing that is allowed may follow after " + std::to_string(written) + " tokens");
    }
    Sampler::Draw result = sampler.draw(allowed);
    std::vector<float> log_probs(allowed.size());
    if (!log_softmax_row(scores.data(), vocabulary->size(), log_probs.data())) {
      reject_logits("generate: token " + std::to_string(written), scores.data(), vocabulary->size());
    }
    result.log_prob = log_probs[static_cast<std::size_t>(result.token)];
    state = constraints->extend(state, result.token);
    return result;
  }

  std::shared_ptr<SessionPool> sessions;
  SessionPool::Lease lease;
  ProgramStepModel model;
  std::shared_ptr<const Vocabulary> vocabulary;
  std::optional<std::int64_t> end;
  std::int64_t left;
  Sampler sampler;
  RunLimits limits;
  Tensor logits;
  Ids pending;  // drawn and not read yet
  bool is_first = false;
  std::optional<ConstraintTracker> constraints;
  ConstraintTracker::State state = ConstraintTracker::kStart;
  std::int64_t written = 0;
};

TextStream::TextStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TextStream::~TextStream() = default;
TextStream::TextStream(TextStream&&) noexcept = default;
TextStream& TextStream::operator=(TextStream&&) noexcept = default;

void TextStream::set_limits(const RunLimits& limits) {
  impl_->limits = limits;
}

std::optional<GeneratedToken> TextStream::next() {
  Impl& self = *impl_;
  if (self.left == 0) return std::nullopt;
  self.read(self.pending);
  self.pending.clear();
  const std::optional<Sampler::Draw> draw = self.draw();
  if (!draw || draw->token == self.end) {
    self.left = 0;
    return std::nullopt;
  }
  --self.left;
  ++self.written;
  self.pending = {draw->token};
  const std::string& token = self.vocabulary->token(draw->token);
  GeneratedToken found{draw->token, joined_after(token, self.vocabulary->unit(), self.is_first), draw->log_prob};
  self.is_first = false;
  return found;
}

Generator Generator::load(const std::filesystem::path& file, const LoadOptions& options) {
  return Generator(Program::load(file, options));
}

Generator::Generator(std::shared_ptr<const Program> program)
    : program_(std::move(program)), sessions_(std::make_shared<SessionPool>(program_)) {
  const TaskFields task(program_->task(), kKind);
  vocabulary_ = require_vocabulary(*program_, kKind, task.text("vocabulary"));
  start_ = task.optional_integer("start", 0);
  end_ = task.optional_integer("end", 0);
  max_length_ = task.integer("max_length", 1);
  if (start_) require_id(*start_, "start", kKind, *vocabulary_);
  if (end_) require_id(*end_, "end", kKind, *vocabulary_);
  require_function(*program_, kKind, "step");
}

std::vector<std::int64_t> Generator::encode_prompt(std::string_view text, std::string_view caller) const {
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
  if (options.max_length < 0) {
    throw ValueError("generate: max_length is " + std::to_string(options.max_length) + ", expected 0 or more");
  }
  const Ids ids = encode_prompt(prompt, "generate");
  const std::int64_t length = options.max_length == 0 ? max_length_ : options.max_length;
  auto impl = std::make_unique<TextStream::Impl>(sessions_, vocabulary_, end_, length, options);
  impl->is_first = prompt.empty();
  impl->read(ids);
  return TextStream(std::move(impl));
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
  const Ids ids = encode_prompt(text, "score");
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
