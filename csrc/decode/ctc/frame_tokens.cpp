#include "decode/ctc/frame_tokens.h"

#include <algorithm>
#include <limits>

#include "kernels/dispatch.h"

namespace pyseq {
namespace {

constexpr std::int64_t kShareForTopK = 8;  // a scan with a heap pays where it keeps at most one class in so many

}  // namespace

// With frames alone, the beam_size best tokens of a frame and one more are enough: what a beam has with a less likely
// one, it has better with each of these, but for its last token.
CtcFrameTokens::CtcFrameTokens(const CtcOptions& options, std::int64_t classes, std::int64_t blank, bool is_plain)
    : classes_(classes),
      blank_(blank),
      most_(classes - 1),
      least_(static_cast<float>(options.min_token_log_prob)),
      takes_all_(true) {
  if (is_plain) most_ = std::min(most_, options.beam_size + 1);
  if (options.tokens_per_frame > 0 && options.tokens_per_frame < classes - 1) {
    most_ = std::min(most_, options.tokens_per_frame);
    takes_all_ = false;
  }
  if (least_ > -std::numeric_limits<float>::infinity()) takes_all_ = false;
  if (!takes_all_) chosen_.resize(static_cast<std::size_t>(classes));
  if ((most_ + 1) * kShareForTopK <= classes) {  // with the blank
    values_.resize(static_cast<std::size_t>(most_ + 1));
    classes_found_.resize(values_.size());
  }
}

void CtcFrameTokens::choose(const float* log_probs) {
  entries_.clear();
  if (values_.empty()) {
    for (std::int64_t token = 0; token < classes_; ++token) add(token, log_probs[token]);
  } else {
    const TopKF32 best{.rows = 1,
                       .columns = classes_,
                       .k = most_ + 1,
                       .x = log_probs,
                       .values = values_.data(),
                       .indices = classes_found_.data()};
    kernels().top_k_f32(&best);
    for (std::size_t i = 0; i < values_.size(); ++i) add(classes_found_[i], values_[i]);
  }
  sort_best(std::min(entries_.size(), static_cast<std::size_t>(most_)));
  if (takes_all_) return;
  std::fill(chosen_.begin(), chosen_.end(), std::uint8_t{0});
  for (const Entry& entry : entries_) chosen_[static_cast<std::size_t>(entry.token)] = 1;
}

void CtcFrameTokens::add(std::int64_t token, float log_prob) {
  if (token == blank_ || !(log_prob >= least_)) return;
  entries_.push_back({log_prob, static_cast<std::int32_t>(token)});
}

void CtcFrameTokens::sort_best(std::size_t count) {
  const auto precedes = [](const Entry& a, const Entry& b) {
    return a.log_prob != b.log_prob ? a.log_prob > b.log_prob : a.token < b.token;
  };
  if (count < entries_.size()) {
    std::nth_element(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(count), entries_.end(), precedes);
    entries_.resize(count);
  }
  std::sort(entries_.begin(), entries_.end(), precedes);
}

}  // namespace pyseq
