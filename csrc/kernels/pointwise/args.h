// Arguments of element-wise kernels.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace pyseq {

/// y = f(x) over n contiguous values; x may equal y.
struct PointwiseF32 {
  std::int64_t n;
  const float* x;
  float* y;
};
struct ActivationF32 {
  std::int64_t n;
  const float* x;
  Activation activation;
  float* y;
};
/// dx = dy f'(x), where `values` are x, or with `from_output` f(x) (relu, tanh and sigmoid alone); dx may equal dy.
struct ActivationGradientF32 {
  std::int64_t n;
  const float* values;
  const float* dy;
  Activation activation;
  bool from_output;
  float* dx;
};
/// Functions with up to two parameters.
enum class Function : std::int32_t { exp, log, sqrt, negative, softplus, elu, leaky_relu, clip };
struct FunctionF32 {
  std::int64_t n;
  const float* x;
  Function function;
  float first, second;  // elu: alpha; leaky_relu: slope; clip: lower and upper bound
  float* y;
};
/// dx = dy f'(x), where `values` are f(x) for exp and sqrt, else x; null for negative. dx may equal dy.
struct FunctionGradientF32 {
  std::int64_t n;
  const float* values;
  const float* dy;
  Function function;
  float first, second;  // as in FunctionF32
  float* dx;
};
/// y[i] = a[i] + b[i mod period] (or -, *, /): period == n adds element by element, smaller ones broadcast a row.
struct BinaryF32 {
  std::int64_t n, period;
  const float* a;
  const float* b;
  float* y;
};

/// A Philox4x32-10 generator: key = seed, counter = (block, step, stream). A block gives four words of 32 bits.
struct PhiloxSource {
  std::uint64_t seed;
  std::uint32_t step, stream;
};
/// words [4][16]: word w of the blocks first_block, ..., first_block + 15.
struct PhiloxWords {
  PhiloxSource source;
  std::uint64_t first_block;
  std::uint32_t* words;
};
/// y = scale * x where the mask keeps, 0 elsewhere. Element e of a mask is word e / 16 mod 4 of block
/// 16 (e / 64) + e mod 16, and keeps unless it is below the threshold.
struct DropoutF32 {
  PhiloxSource source;
  std::uint32_t threshold;
  float scale;
  std::int64_t first, count;  // elements of the mask
  std::int64_t shared;        // values of x that share an element
  std::int64_t stride;        // dropout_f32: from one of them to the next; dropout_runs_f32 has them side by side
  const float* x;
  float* y;
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_POINTWISE_KERNELS(X)                  \
  X(activation_f32, ActivationF32)                  \
  X(activation_gradient_f32, ActivationGradientF32) \
  X(exp_f32, PointwiseF32)                          \
  X(log_f32, PointwiseF32)                          \
  X(erf_f32, PointwiseF32)                          \
  X(function_f32, FunctionF32)                      \
  X(function_gradient_f32, FunctionGradientF32)     \
  X(add_f32, BinaryF32)                             \
  X(subtract_f32, BinaryF32)                        \
  X(multiply_f32, BinaryF32)                        \
  X(divide_f32, BinaryF32)                          \
  X(philox_words, PhiloxWords)                      \
  X(dropout_f32, DropoutF32)                        \
  X(dropout_runs_f32, DropoutF32)

struct PointwiseKernels {
  PYSEQ_POINTWISE_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
