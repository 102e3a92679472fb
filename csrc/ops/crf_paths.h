// What the ops of linear-chain conditional random fields share: their inputs, and sums over all paths of a sequence.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

#include "base/threads.h"
#include "ops/registry.h"

namespace pyseq {

constexpr std::int64_t kCrfStepsBetweenLooks = 256;  // at the limits

/// Where an op has its inputs; targets: -1 for none.
struct CrfInputs {
  int emissions, transitions, targets, start, end, lengths;
};

/// What infer checks; targets and start and end scores as far as there are some.
void check_crf_inputs(const OpArgs& args, const CrfInputs& inputs);
void check_crf_lengths(const OpCall& call, const CrfInputs& inputs);

/// The scores that all rows share, as the kernels read them (kernels/crf/args.h).
struct CrfScores {
  std::int64_t labels, width;
  const float *transitions, *transposed, *start, *end;
  bool has_nan;  // or +inf, which gives NaN
};
CrfScores make_crf_scores(const OpCall& call, const CrfInputs& inputs);

/// One row of the batch.
struct CrfSequence {
  std::int64_t time;
  const float* emissions;       // [time, labels]
  const std::int64_t* targets;  // [time], or null
};
CrfSequence crf_sequence(const OpCall& call, const CrfInputs& inputs, std::int64_t row);

/// NaN or +inf among the scores of a sequence.
bool has_nan(const CrfScores& scores, const CrfSequence& sequence);
/// The score of a path, in float64.
double score_of(const CrfScores& scores, const CrfSequence& sequence, const std::int64_t* path);

/// Calls `each(row)` for all rows of the batch, any number of them at once.
template <typename Each>
void for_crf_rows(const OpCall& call, const Each& each) {
  parallel_for(call.inputs[0].size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) each(row);
  });
}

/// Calls `pass(begin, end)` for parts of a sequence, with a look at the limits before each.
template <typename Pass>
void in_crf_parts(std::int64_t time, const RunLimits& limits, const Pass& pass) {
  for (std::int64_t begin = 0; begin < time; begin += kCrfStepsBetweenLooks) {
    limits.check();
    pass(begin, std::min(begin + kCrfStepsBetweenLooks, time));
  }
}

/// What the two passes over one sequence, which is not empty, work in.
class CrfPaths {
 public:
  /// `keeps_all`: for a backward pass.
  CrfPaths(const CrfScores& scores, const CrfSequence& sequence, bool keeps_all, const RunLimits& limits);

  /// log of the sum over all paths of exp(score).
  double forward();
  /// Probabilities of labels [time, labels] and expected numbers of transitions [labels, width] (added; null: not
  /// wanted), after a forward pass that found a path.
  void backward(float* marginals, float* neighbours);

 private:
  const CrfScores& scores_;
  const CrfSequence& sequence_;
  const RunLimits& limits_;
  std::int64_t kept_;
  Tensor memory_;
  float *prefixes_ = nullptr, *suffixes_ = nullptr, *shifts_ = nullptr;
};

/// `operations` per step and pair of labels.
OpCost crf_cost(const OpArgs& args, std::span<const TensorType> outputs, double operations);

}  // namespace pyseq
