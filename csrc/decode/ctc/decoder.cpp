#include <algorithm>
#include <utility>

#include "base/threads.h"
#include "decode/ctc/frames.h"
#include "decode/ctc/fusion.h"
#include "decode/ctc/search.h"
#include "ops/checks.h"
#include "pyseq/ctc_decoder.h"
#include "text/utf8.h"

namespace pyseq {
namespace {

constexpr std::int64_t kFramesBetweenLooks = 64;  // at the limits
constexpr std::string_view kWordStart = "\xE2\x96\x81";

void run_frames(CtcSearch& search, const float* log_probs, std::int64_t frames, std::int64_t classes,
                std::string_view label, std::int64_t row, const RunLimits& limits) {
  check_ctc_frames(label, row, log_probs, frames, classes, search.frames());
  for (std::int64_t first = 0; first < frames; first += kFramesBetweenLooks) {
    limits.check();
    const std::int64_t count = std::min(kFramesBetweenLooks, frames - first);
    for (std::int64_t i = first; i < first + count; ++i) search.step(log_probs + i * classes);
  }
}

void check_classes(std::string_view label, std::int64_t classes, const CtcVocabulary& vocabulary) {
  if (classes == static_cast<std::int64_t>(vocabulary.texts.size())) return;
  throw_shape(label, "log_probs", std::to_string(classes) + " classes",
              std::to_string(vocabulary.texts.size()) + " (tokens of the decoder)");
}

}  // namespace

std::optional<std::vector<std::int64_t>> CtcVocabulary::spell(std::string_view text) const {
  std::string marked;  // with word starts, where there is no separator
  if (separator < 0) {
    const bool has_starts = std::any_of(texts.begin(), texts.end(),
                                        [](const std::string& token) { return token.rfind(kWordStart, 0) == 0; });
    if (has_starts) {
      marked = kWordStart;
      for (const char character : text) {
        if (character == ' ') {
          marked += kWordStart;
        } else {
          marked += character;
        }
      }
      text = marked;
    }
  }
  std::vector<std::int64_t> tokens;
  while (!text.empty()) {
    if (text.front() == ' ' && separator >= 0) {
      tokens.push_back(separator);
      text.remove_prefix(1);
      continue;
    }
    std::int64_t best = -1;
    std::size_t longest = 0;
    for (std::size_t token = 0; token < texts.size(); ++token) {
      const std::string& candidate = texts[token];
      const auto id = static_cast<std::int64_t>(token);
      if (id == blank || id == separator || candidate.size() <= longest) continue;
      if (text.substr(0, candidate.size()) == candidate) {
        best = id;
        longest = candidate.size();
      }
    }
    if (best < 0) return std::nullopt;
    tokens.push_back(best);
    text.remove_prefix(longest);
  }
  return tokens;
}

CtcDecoder::CtcDecoder(CtcVocabulary vocabulary, const CtcOptions& options, CtcKnowledge knowledge)
    : fusion_(std::make_shared<const CtcFusion>(std::move(vocabulary), options, std::move(knowledge))) {}

const CtcVocabulary& CtcDecoder::vocabulary() const {
  return fusion_->vocabulary();
}
const CtcOptions& CtcDecoder::options() const {
  return fusion_->options();
}

std::vector<CtcHypothesis> CtcDecoder::decode(const Tensor& log_probs, const RunLimits& limits) const {
  check_tensor("ctc.Decoder.decode", "log_probs", log_probs, DType::float32, {-1, -1});
  CtcStream one(fusion_);
  one.feed(log_probs, limits);
  return one.hypotheses();
}

std::vector<std::vector<CtcHypothesis>> CtcDecoder::decode_batch(const Tensor& log_probs, const Tensor& lengths,
                                                                 const RunLimits& limits) const {
  const CtcFrames frames("ctc.Decoder.decode_batch", log_probs, lengths, vocabulary().blank);
  check_classes(frames.label(), frames.classes(), vocabulary());
  std::vector<std::vector<CtcHypothesis>> result(static_cast<std::size_t>(frames.batch()));
  parallel_for(frames.batch(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      CtcSearch search(*fusion_);
      run_frames(search, frames.row(row), frames.length(row), frames.classes(), frames.label(), row, limits);
      result[static_cast<std::size_t>(row)] = search.hypotheses(true);
    }
  });
  return result;
}

CtcStream CtcDecoder::stream() const {
  return CtcStream(fusion_);
}

CtcStream::CtcStream(std::shared_ptr<const CtcFusion> fusion)
    : fusion_(std::move(fusion)), search_(std::make_unique<CtcSearch>(*fusion_)) {}
CtcStream::CtcStream(CtcStream&&) noexcept = default;
CtcStream& CtcStream::operator=(CtcStream&&) noexcept = default;
CtcStream::~CtcStream() = default;

void CtcStream::feed(const Tensor& log_probs, const RunLimits& limits) {
  constexpr std::string_view label = "ctc.Decoder";
  check_tensor(label, "log_probs", log_probs, DType::float32, {-1, -1});
  check_classes(label, log_probs.size(1), fusion_->vocabulary());
  run_frames(*search_, log_probs.data<float>(), log_probs.size(0), log_probs.size(1), label, 0, limits);
}

std::vector<CtcHypothesis> CtcStream::hypotheses(bool final) const {
  return search_->hypotheses(final);
}
std::int64_t CtcStream::frames() const {
  return search_->frames();
}
void CtcStream::reset() {
  search_ = std::make_unique<CtcSearch>(*fusion_);
}

}  // namespace pyseq
