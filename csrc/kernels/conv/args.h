// Arguments of depthwise convolution and of pooling: what happens inside windows of a grid whose channels stand
// together. Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace pyseq {

/// Neighbouring windows that all see the same of their taps: tap j of window p stands at x[j] + p * step. Windows at
/// the border see fewer taps than there are.
struct WindowsF32 {
  std::int64_t positions, channels, taps;
  const float* const* x;  // [taps], each to [channels]
  std::int64_t step;
};

/// y[p, c] = activation(sum over taps of weight[numbers[j], c] * x[j][p * step + c] + bias[c]), taps in ascending
/// order.
struct DepthwiseF32 {
  WindowsF32 windows;
  const std::int64_t* numbers;  // [taps]: which tap of the weight x[j] belongs to
  const float* weight;          // packed (base/packing.h) with k = all_taps
  std::int64_t all_taps;
  const float* bias;  // [channels] or null
  Activation activation;
  float* y;  // [positions, channels]
};

/// The largest value (NaN wins), or the sum over `divisor`, of every channel over the taps; 0 without taps.
struct PoolF32 {
  WindowsF32 windows;
  float divisor;  // mean_pool_f32
  float* y;       // [positions, channels]
};

/// dweight[numbers[j], c] += Σ over windows of dy[p, c] * x[j][p * step + c], for some channels.
struct DepthwiseGradientF32 {
  WindowsF32 windows;
  std::int64_t first_channel, last_channel;
  const std::int64_t* numbers;  // [taps]
  const float* dy;              // [positions, channels]
  float* dweight;               // [all taps, channels]
};

/// What windows give back to the places that they see, for some channels: to the first of the largest values, or an
/// equal part to all.
struct PoolGradientF32 {
  WindowsF32 windows;
  std::int64_t first_channel, last_channel;
  float divisor;   // mean_pool_gradient_f32
  const float* y;  // [positions, channels], max_pool_gradient_f32
  const float* dy;
  const float* x;  // where the taps count from
  float* dx;       // laid out as x; what comes is added
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_CONV_KERNELS(X)                     \
  X(depthwise_f32, DepthwiseF32)                  \
  X(depthwise_gradient_f32, DepthwiseGradientF32) \
  X(max_pool_f32, PoolF32)                        \
  X(max_pool_gradient_f32, PoolGradientF32)       \
  X(mean_pool_f32, PoolF32)                       \
  X(mean_pool_gradient_f32, PoolGradientF32)

struct ConvKernels {
  PYSEQ_CONV_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
