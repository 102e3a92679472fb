#include "decode/ctc/frames.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/dispatch.h"
#include "ops/checks.h"

namespace pyseq {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t kBlock = 64;  // frames whose best values stand on the stack

/// What is wrong with a frame whose best value is no number.
[[noreturn]] void reject_frame(std::string_view label, std::int64_t row, std::int64_t frame, const float* values,
                               std::int64_t classes, float best) {
  const std::string where = " in frame " + std::to_string(frame) + " of row " + std::to_string(row);
  if (best == -kInfinity) {
    throw_value(label, "log_probs", "-inf for every class" + where, "a class with a probability");
  }
  const bool has_nan = std::any_of(values, values + classes, [](float value) { return std::isnan(value); });
  throw_value(label, "log_probs", (has_nan ? "NaN" : "inf") + where, "log-probabilities");
}

}  // namespace

CtcFrames::CtcFrames(std::string_view label, const Tensor& log_probs, const Tensor& lengths, std::int64_t blank)
    : label_(label), log_probs_(log_probs), lengths_(lengths) {
  check_tensor(label, "log_probs", log_probs, DType::float32, {-1, -1, -1});
  if (classes() == 0) throw_shape(label, "log_probs", "shape " + log_probs.shape().to_string(), "at least one class");
  if (lengths.defined()) {
    check_tensor(label, "lengths", lengths, DType::int64, {batch()},
                 "batch of log_probs " + log_probs.shape().to_string());
    check_lengths(label, lengths, batch(), time());
  }
  if (blank < 0 || blank >= classes()) {
    throw_value(label, "blank", std::to_string(blank),
                "a class of log_probs " + log_probs.shape().to_string() + ", 0 to " + std::to_string(classes() - 1));
  }
}

void best_ctc_classes(std::string_view label, std::int64_t row, const float* log_probs, std::int64_t frames,
                      std::int64_t classes, std::int64_t first, float* values, std::int32_t* best) {
  const CtcBestF32 args{.rows = frames, .columns = classes, .x = log_probs, .values = values, .classes = best};
  kernels().ctc_best_f32(&args);
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    if (std::isfinite(values[frame])) continue;
    reject_frame(label, row, first + frame, log_probs + frame * classes, classes, values[frame]);
  }
}

void check_ctc_frames(std::string_view label, std::int64_t row, const float* log_probs, std::int64_t frames,
                      std::int64_t classes, std::int64_t first) {
  float values[kBlock];
  std::int32_t best[kBlock];
  for (std::int64_t done = 0; done < frames; done += kBlock) {
    best_ctc_classes(label, row, log_probs + done * classes, std::min(kBlock, frames - done), classes, first + done,
                     values, best);
  }
}

}  // namespace pyseq
