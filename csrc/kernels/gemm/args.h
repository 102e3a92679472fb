// Arguments of the matrix products with packed weights.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace pyseq {

/// c[m, n] = activation(a[m, k] * b + bias). b is packed (base/packing.h): panels of `panel` columns (32, or 16 for the
/// narrow last block of gated weights); with panel == 32 a remainder of 1..16 columns is stored 16 wide. Sums run in
/// ascending k, cut every 256; every row gives the same bits whatever m is.
struct GemmF32 {
  std::int64_t m, n, k;
  const float* a;
  std::int64_t lda;
  const float* b;
  std::int64_t panel;
  const float* bias;  // [n] or null
  Activation activation;
  float* c;
  std::int64_t ldc;
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_GEMM_KERNELS(X) X(gemm_f32, GemmF32)

struct GemmKernels {
  PYSEQ_GEMM_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
