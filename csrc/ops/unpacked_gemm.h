// Products of two row-major matrices on all threads, packed piece by piece on the way.
#pragma once

#include "kernels/table.h"
#include "pyseq/runtime.h"

namespace pyseq {

/// A row-major matrix of a product, or its transpose.
struct GemmOperand {
  const float* values;
  std::int64_t stride;      // from one row in memory to the next
  bool transposed = false;  // memory holds the columns
};

/// c[m, n] = epilogue(a[m, k] * b[k, n]) for `count` triples of matrices, each `..._step` values behind the one before.
struct UnpackedGemm {
  std::int64_t m, n, k;
  GemmOperand a, b;
  GemmEpilogue epilogue = {};
  float* c;
  std::int64_t ldc;
  std::int64_t count = 1;
  std::int64_t a_step = 0, b_step = 0, c_step = 0;
};

/// The bits are those of gemm_f32 with a packed b. The limits are looked at between pieces.
void unpacked_gemm(const UnpackedGemm& product, const RunLimits& limits);

}  // namespace pyseq
