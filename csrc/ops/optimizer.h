// Training's work on flat buffers: gradient norms, clipping, updates, averages. Each is one pass on all threads, with
// the same bits for any number of them: updates are element by element, norms are cut every 4096 values.
#pragma once

#include <span>

#include "pyseq/tensor.h"

namespace pyseq {

/// Values [begin, end) of the flat buffers are updated with one learning rate and one weight decay.
struct UpdateRange {
  std::int64_t begin, end;
  double learning_rate, weight_decay;
};
using UpdateRanges = std::span<const UpdateRange>;

/// √Σ x²; not finite when a value is not.
double norm(const Tensor& x);
/// x · min(1, max_norm / (norm + 1e-6)), in place; returns the norm before. A norm that is not finite changes nothing.
double clip_norm(Tensor& x, double max_norm);
void clip_values(Tensor& x, double bound);
void scale_values(Tensor& x, double factor);
void fill_zeros(Tensor& x);
/// average += rate · (values - average)
void move_average(Tensor& average, const Tensor& values, double rate);

struct SgdOptions {
  double momentum, dampening;
  bool nesterov;
};
/// `buffer` may be undefined when the momentum is 0.
void sgd_step(Tensor& values, const Tensor& gradients, Tensor& buffer, UpdateRanges ranges, const SgdOptions& options);

struct AdamOptions {
  double beta1, beta2, epsilon;
  std::int64_t step;  // from 1 on
  bool decoupled;     // weight decay
};
void adam_step(Tensor& values, const Tensor& gradients, Tensor& first, Tensor& second, UpdateRanges ranges,
               const AdamOptions& options);

void adagrad_step(Tensor& values, const Tensor& gradients, Tensor& sum, UpdateRanges ranges, double epsilon);

struct RmspropOptions {
  double alpha, epsilon, momentum;
};
/// `mean` and `buffer` may be undefined: not centered, no momentum.
void rmsprop_step(Tensor& values, const Tensor& gradients, Tensor& square, Tensor& mean, Tensor& buffer,
                  UpdateRanges ranges, const RmspropOptions& options);

}  // namespace pyseq
