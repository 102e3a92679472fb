// Connectionist temporal classification (CTC): from the classes of frames to labels and their places in time.
//
// A frame gives a log-probability to every class; one class is the blank. A path has a class per frame; merging its
// repetitions, then leaving its blanks out, gives its labels. Log-probabilities are float32 [batch, time, classes]
// (log-softmax of a model's logits); -inf is an impossible class, NaN and +inf are errors.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pyseq/runtime.h"
#include "pyseq/tensor.h"

namespace pyseq {

/// A label and the frames [start, end) in which a path shows it.
struct CtcToken {
  std::int64_t token = 0, start = 0, end = 0;
  double log_prob = 0;  // sum over its frames

  /// The geometric mean of its class' probability over its frames.
  double confidence() const;
};

/// The labels of a path.
struct CtcAlignment {
  std::vector<CtcToken> tokens;
  double log_prob = 0;  // of the path, blanks included
};

/// Tokens [first, last): a word, or words up to a pause.
struct CtcSpan {
  std::int64_t first = 0, last = 0;  // of the tokens that it was made from
  std::int64_t start = 0, end = 0;   // frames
  double confidence = 0;             // the geometric mean over all frames of its tokens
};

/// The labels of a path of classes: repetitions merged, blanks left out.
std::vector<std::int64_t> ctc_collapse(std::span<const std::int64_t> path, std::int64_t blank = 0);

/// The labels of the likeliest path of every row: the best class of each frame, the lowest one of equals. `lengths`
/// [batch] int64 may be undefined: all frames.
std::vector<CtcAlignment> ctc_greedy(const Tensor& log_probs, const Tensor& lengths = {}, std::int64_t blank = 0,
                                     const RunLimits& limits = {});

/// The likeliest path that shows `targets` [batch, labels] (forced alignment). ValueError: a target that has no
/// alignment with its frames (too few of them, or all of probability zero).
std::vector<CtcAlignment> ctc_align(const Tensor& log_probs, const Tensor& targets, const Tensor& lengths = {},
                                    const Tensor& target_lengths = {}, std::int64_t blank = 0,
                                    const RunLimits& limits = {});

/// Words: the tokens between separators, which are left out.
std::vector<CtcSpan> ctc_words(std::span<const CtcToken> tokens, std::int64_t separator);
/// Segments: words (spans of `tokens`) with less than `pause` frames between them.
std::vector<CtcSpan> ctc_segments(std::span<const CtcToken> tokens, std::span<const CtcSpan> words, std::int64_t pause);

}  // namespace pyseq
