// Arguments of optimizer kernels: updates of parameters that lie in one flat buffer, with gradients and moments alike.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

/// *sum = Σ x²
struct SquaresF32 {
  std::int64_t n;
  const float* x;
  float* sum;
};
/// x = x · factor
struct ScaleF32 {
  std::int64_t n;
  float factor;
  float* x;
};
/// x = min(max(x, -bound), bound); NaN stays.
struct ClampF32 {
  std::int64_t n;
  float bound;
  float* x;
};
/// average = average + rate · (value - average)
struct AverageF32 {
  std::int64_t n;
  float rate;
  const float* value;
  float* average;
};

/// The part that all updates share: n parameters, their gradients g, what they are updated with.
struct UpdateF32 {
  std::int64_t n;
  float* value;
  const float* gradient;
  float learning_rate;
  float weight_decay;
};
/// g += weight_decay · value; buffer = momentum · buffer + share · g; value -= learning_rate · d, where d is
/// the buffer, with Nesterov's variant g + momentum · buffer, without a buffer (null) g.
struct SgdF32 {
  UpdateF32 part;
  float* buffer;
  float momentum, share;
  bool nesterov;
};
/// first and second are moving averages of g and g²;
/// value -= learning_rate / first_correction · first / (√second / √second_correction + epsilon), where corrections are
/// 1 - βᵗ. Weight decay is added to g, or decoupled: value -= learning_rate · weight_decay · value before.
struct AdamF32 {
  UpdateF32 part;
  float* first;
  float* second;
  float first_rate, second_rate, epsilon;  // rates are 1 - β
  float first_correction, root_second_correction;
  bool decoupled;
};
/// sum += g²; value -= learning_rate · g / (√sum + epsilon)
struct AdagradF32 {
  UpdateF32 part;
  float* sum;
  float epsilon;
};
/// square is the moving average of g², mean (null unless centered) that of g; d = g / (√(square - mean²) + epsilon);
/// buffer (null without momentum) = momentum · buffer + d; value -= learning_rate · (buffer or d)
struct RmspropF32 {
  UpdateF32 part;
  float* square;
  float* mean;
  float* buffer;
  float rate, epsilon, momentum;  // rate: 1 - α
};

#define PYSEQ_OPTIMIZER_KERNELS(X)  \
  X(sum_of_squares_f32, SquaresF32) \
  X(scale_f32, ScaleF32)            \
  X(clamp_f32, ClampF32)            \
  X(move_average_f32, AverageF32)   \
  X(sgd_f32, SgdF32)                \
  X(adam_f32, AdamF32)              \
  X(adagrad_f32, AdagradF32)        \
  X(rmsprop_f32, RmspropF32)

struct OptimizerKernels {
  PYSEQ_OPTIMIZER_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
