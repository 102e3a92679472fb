// Arguments of reductions along rows.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

/// Row-wise reductions: x and y are [rows, columns], contiguous.
struct RowwiseF32 {
  std::int64_t rows, columns;
  const float* x;
  float* y;
};

struct LayerNormF32 {
  std::int64_t rows, columns;
  const float* x;
  const float* weight;  // [columns] or null
  const float* bias;    // [columns] or null
  float epsilon;
  float* y;
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_ROWWISE_KERNELS(X) \
  X(softmax_f32, RowwiseF32)     \
  X(log_softmax_f32, RowwiseF32) \
  X(layer_norm_f32, LayerNormF32)

struct RowwiseKernels {
  PYSEQ_ROWWISE_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
