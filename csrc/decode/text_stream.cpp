#include <algorithm>
#include <span>
#include <utility>

#include "decode/log_probs.h"
#include "decode/prompt_reader.h"
#include "decode/session_pool.h"
#include "decode/text_stream_impl.h"

namespace pyseq {
namespace {

/// Prompts up to here are read by the step that gives the first logits: reading all but the last token without logits
/// would save less than another run over the weights takes.
constexpr std::size_t kShortPrompt = 24;

Tensor as_row(std::span<const std::int64_t> ids) {
  Tensor tokens = Tensor::empty(DType::int64, {1, static_cast<std::int64_t>(ids.size())});
  std::copy(ids.begin(), ids.end(), tokens.mutable_data<std::int64_t>());
  return tokens;
}

}  // namespace

TextStream::Impl::Impl(const Generator& generator, std::shared_ptr<SessionPool> pool, std::vector<std::int64_t> prompt,
                       const GenerationOptions& options, bool begins_text)
    : sessions(std::move(pool)),
      lease(*sessions),
      vocabulary_size(generator.vocabulary().size()),
      writer(generator, options, prompt.size(), begins_text),
      limits(options.limits),
      pending(std::move(prompt)) {
  State state = (*lease).new_state(1);
  if (pending.size() > kShortPrompt) {
    const std::vector<std::int64_t>* const row = &pending;
    read_tokens(*lease, state, {&row, 1}, 0, static_cast<std::int64_t>(pending.size()) - 1, limits);
    pending.erase(pending.begin(), pending.end() - 1);
  }
  model.emplace(*lease, std::move(state));
}

std::optional<GeneratedToken> TextStream::Impl::next() {
  if (writer.is_done()) return std::nullopt;
  const auto time = static_cast<std::int64_t>(pending.size());
  const Tensor logits = model->step(as_row(pending), limits);
  check_logits("generator", logits, 1, time, vocabulary_size);
  pending.clear();
  std::optional<GeneratedToken> token =
      writer.next({logits.data<float>() + (time - 1) * vocabulary_size, static_cast<std::size_t>(vocabulary_size)});
  if (token) pending = {token->id};
  return token;
}

TextStream::TextStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TextStream::~TextStream() = default;
TextStream::TextStream(TextStream&&) noexcept = default;
TextStream& TextStream::operator=(TextStream&&) noexcept = default;

void TextStream::set_limits(const RunLimits& limits) {
  impl_->limits = limits;
}

std::optional<GeneratedToken> TextStream::next() {
  return impl_->next();
}

}  // namespace pyseq
