// What CTC decoders read: rows of class log-probabilities with their lengths, checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pyseq/tensor.h"

namespace pyseq {

/// The arguments log_probs [batch, time, classes], lengths? [batch] and blank of the function `label`.
class CtcFrames {
 public:
  /// ShapeError, DTypeError, ValueError naming what was expected.
  CtcFrames(std::string_view label, const Tensor& log_probs, const Tensor& lengths, std::int64_t blank);

  std::int64_t batch() const { return log_probs_.size(0); }
  std::int64_t time() const { return log_probs_.size(1); }
  std::int64_t classes() const { return log_probs_.size(2); }
  std::int64_t length(std::int64_t row) const {
    return lengths_.defined() ? lengths_.data<std::int64_t>()[row] : time();
  }
  const float* row(std::int64_t row) const { return log_probs_.data<float>() + row * time() * classes(); }
  const std::string& label() const { return label_; }

 private:
  std::string label_;
  Tensor log_probs_, lengths_;
};

/// ValueError for a frame with NaN or +inf, or with no class of a probability; `first` is the number of the first frame
/// of `log_probs` [frames, classes] in messages.
void check_ctc_frames(std::string_view label, std::int64_t row, const float* log_probs, std::int64_t frames,
                      std::int64_t classes, std::int64_t first = 0);

/// The best class of frames [frames, classes] and its value, checked in the same way.
void best_ctc_classes(std::string_view label, std::int64_t row, const float* log_probs, std::int64_t frames,
                      std::int64_t classes, std::int64_t first, float* values, std::int32_t* best);

}  // namespace pyseq
