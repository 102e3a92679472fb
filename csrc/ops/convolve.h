// Convolution of grids [batch, height, width, channels]: the engine behind conv1d and conv2d.
#pragma once

#include "ops/windows.h"
#include "pyseq/tensor.h"

namespace pyseq {

struct Convolution {
  WindowGrid grid;
  std::int64_t groups;
  const Tensor& weight;  // [out, in / groups, taps...], row-major or packed in any storage type
  const float* bias;     // [out] or null
  Activation activation;
  float* y;  // [batch, out_height, out_width, out]; zero where rows of the batch are shorter
};

/// Every output is a product of its window, taps ascending and channels inside a tap, with a row of the weight, in the
/// order of sums that products have: its bits depend on nothing else. Depthwise convolution, in which every group has
/// one input and one output, sums over taps; it takes weights of narrow storage types as float32.
void convolve(const Convolution& convolution, Arena& scratch, const RunLimits& limits);

}  // namespace pyseq
