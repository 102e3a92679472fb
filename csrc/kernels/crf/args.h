// Arguments of linear-chain conditional random fields (CRF).
//
// A path has one label per step. Its score is the sum of the emissions of its labels, of the transitions between
// neighbours, of the start score of its first label and of the end score of its last one. `width` is the number of
// labels, rounded up to a multiple of 16; vectors of it hold -inf beyond the labels. Logarithms of sums of one step are
// kept less their largest value (the "shift" of the step), so that no rounding error grows with the length. Compiled
// into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

/// log of the sum over all prefixes of paths that end in a label, for the steps [begin, end) in ascending order. The
/// prefixes of step t are row t % kept; to those of the definition, the shifts up to t have to be added.
struct CrfForwardF32 {
  std::int64_t begin, end, labels, width, kept;
  const float* emissions;    // [time, labels]
  const float* transitions;  // [labels, width]: row from, column to
  const float* start;        // [width]
  float* prefixes;           // [kept, width]
  float* shifts;             // [time]
};

/// The same for suffixes, steps in descending order, and with them the probabilities of labels and of neighbours.
/// `suffixes` and `normalizer` are handed on from call to call; they are made when end is `time`.
struct CrfBackwardF32 {
  std::int64_t begin, end, time, labels, width;
  const float* emissions;
  const float* transitions;
  const float* transposed;  // [labels, width]: row to, column from
  const float* last;        // [width], end scores
  const float* prefixes;    // [time, width], from the forward pass
  const float* shifts;
  float* suffixes;    // [width], of the step that was done last
  float* normalizer;  // of that step: log of the sum over its labels of exp(prefix + suffix)
  float* arrivals;    // [width], scratch
  float* marginals;   // [time, labels]
  float* neighbours;  // [labels, width] or null: expected numbers of transitions are added
};

/// The best prefix of a path that ends in a label, and the label before it, for the steps [begin, end). Of equally good
/// ones, that with the lowest label.
struct CrfViterbiF32 {
  std::int64_t begin, end, labels, width;
  const float* emissions;
  const float* transitions;
  const float* start;
  float* best;         // [2, width]: that of step t in row t % 2, less the largest value
  std::int32_t* from;  // [time, width]
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_CRF_KERNELS(X)          \
  X(crf_forward_f32, CrfForwardF32)   \
  X(crf_backward_f32, CrfBackwardF32) \
  X(crf_viterbi_f32, CrfViterbiF32)

struct CrfKernels {
  PYSEQ_CRF_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
