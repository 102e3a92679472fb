// Arguments of connectionist temporal classification (CTC).
//
// L labels give the states blank 0, label 0, blank 1, ..., label L - 1, blank L. Probabilities of alignments leave the
// range of float32 after a few frames: a state is a pair, mantissa * 2^exponent, and keeps the precision of float32
// however long the sequence is. A row of states holds four arrays of `width + 2 * kCtcMargin` values, each with a
// margin at both ends: mantissas and exponents (int32 bits) of the labels, then of the blanks. `width` is a multiple of
// 16 above L; what lies beyond the states is zero. Compiled into every tier: plain data only, no STL, no inline
// functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

constexpr std::int64_t kCtcMargin = 16;

/// Log-probabilities of the blank and of the labels of one sequence, and the softmax of the logits.
struct CtcFramesF32 {
  std::int64_t frames, classes, labels, width, blank;
  const float* logits;          // [frames, classes]
  const std::int64_t* targets;  // [labels]
  float* blank_log;             // [frames]
  float* label_log;             // [frames, width], -inf beyond the labels
  float* softmax;               // [frames, classes] or null
};

/// Probabilities of all prefixes of alignments, for the frames [begin, end) in ascending order. The row of states of
/// frame t is (t + 1) % kept; that of frame -1 is made when begin is 0.
struct CtcForwardF32 {
  std::int64_t begin, end, width, kept;
  const float* blank_log;     // [time]
  const float* label_log;     // [time, width]
  const std::int32_t* skips;  // [width + kCtcMargin]: -1 where label i may follow label i - 1 at once, else 0
  float* states;              // [kept] rows
};

/// Probabilities of all suffixes, for the frames [begin, end) in descending order, and with them the posterior of every
/// state, which is subtracted from the softmax: the gradient of the loss. States of frames after `end` are handed on
/// from call to call; those of frame `time` are made when end is `time`.
struct CtcBackwardF32 {
  std::int64_t begin, end, time, labels, width, classes, blank;
  const float* blank_log;
  const float* label_log;
  const std::int32_t* skips;
  const std::int64_t* targets;
  const float* states;   // [time + 1] rows, from the forward pass
  float total_mantissa;  // of the sum over all alignments, not zero
  std::int32_t total_exponent;
  float* future;      // 2 rows of states
  float* posteriors;  // [width], scratch
  float* gradient;    // [time, classes], the softmax
};

/// The best class of every frame, the first one of equals, and its value; NaN where a value is NaN or +inf.
struct CtcBestF32 {
  std::int64_t rows, columns;  // at least one column
  const float* x;              // [rows, columns]
  float* values;               // [rows]
  std::int32_t* classes;       // [rows]
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_CTC_KERNELS(X)        \
  X(ctc_best_f32, CtcBestF32)       \
  X(ctc_frames_f32, CtcFramesF32)   \
  X(ctc_forward_f32, CtcForwardF32) \
  X(ctc_backward_f32, CtcBackwardF32)

struct CtcKernels {
  PYSEQ_CTC_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
