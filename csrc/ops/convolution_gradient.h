// The gradients of convolutions of grids: what is behind the vjps of conv1d and conv2d.
#pragma once

#include "ops/windows.h"
#include "pyseq/tensor.h"

namespace pyseq {

struct ConvolutionGradient {
  WindowGrid grid;
  std::int64_t groups;
  const Tensor& weight;  // [out, in / groups, taps...], row-major
  const float* dz;       // [batch, out_height, out_width, out]: of the sums before the activation, zero beyond widths
  float* dx;             // [batch, height, width, channels] or null
  float* dweight;        // like weight, or null
};

/// The transposed products of `convolve`: windows are laid out block by block, multiplied with dz for the weight, and
/// the products of dz with the weight are gathered for x, each place adding up its taps in ascending order. Depthwise
/// convolution has its own kernels.
void convolution_gradient(const ConvolutionGradient& gradient, Arena& scratch, const RunLimits& limits);

}  // namespace pyseq
