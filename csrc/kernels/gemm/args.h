// Arguments of the matrix products with packed weights.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace pyseq {

/// Rows of `a` at this distance, in groups of k, are read where they stand; others are copied, chunk by chunk.
inline constexpr std::int64_t kReadyRowStride = 272;

/// What happens to a product: c = activation(product + bias) + residual.
struct GemmEpilogue {
  const float* bias = nullptr;  // [n]
  Activation activation = Activation::none;
  const float* residual = nullptr;  // [m, n] at residual_stride
  std::int64_t residual_stride = 0;
};

/// c[m, n] = epilogue(a[m, k] * b). b is packed (base/packing.h): panels of `panel` columns (32, or 16 for the
/// narrow last block of gated weights); with panel == 32 a remainder of 1..16 columns is stored 16 wide. Sums run in
/// ascending k, cut every 256; every row gives the same bits whatever m is.
struct GemmF32 {
  std::int64_t m, n, k;
  const float* a;
  std::int64_t lda;
  const float* b;
  std::int64_t panel;
  GemmEpilogue epilogue;
  float* c;
  std::int64_t ldc;
  bool accumulate = false;  // c holds the sums of the k before these, a multiple of 256
};

/// The same with bfloat16 values of a (as round_rows_bf16 leaves them) and b; sums are float32. lda counts values.
struct GemmBf16 {
  std::int64_t m, n, k;
  const std::uint16_t* a;
  std::int64_t lda;
  const std::uint16_t* b;
  std::int64_t panel;
  GemmEpilogue epilogue;
  float* c;
  std::int64_t ldc;
};

/// What the values q of a quantised row stand for: scale * (q - zero).
struct QuantizedRow {
  float scale;
  std::int32_t zero;
};

/// The same with int8 values of a (as quantize_rows_int8 leaves them) and b. Sums over k are exact in int32 (k up to
/// 65536: base/packing.h); the product is (sum - zero * column_sum) * (row_scale * column_scale).
struct GemmInt8 {
  std::int64_t m, n, k;
  const std::int8_t* a;
  std::int64_t lda;
  const QuantizedRow* rows;  // [m]
  const std::int8_t* b;
  std::int64_t panel;
  const float* column_scales;       // [n], and what the last panel is padded with
  const std::int32_t* column_sums;  // likewise
  GemmEpilogue epilogue;
  float* c;
  std::int64_t ldc;
};

/// y[rows, k rounded up to 2] = x[rows, k] as bfloat16, rounded to nearest even; zeros behind k.
struct RoundRowsBf16 {
  std::int64_t rows, k;
  const float* x;
  std::int64_t x_stride;
  std::uint16_t* y;
  std::int64_t y_stride;
};

/// q[rows, k rounded up to 4] = x[rows, k] / scale + zero, halves to even: 255 values, scale = (high - low) / 254,
/// spread from the row's least value to its largest, 0 among them, so that a zero stays one. They begin at -128, or at
/// 0 in tiers whose products want unsigned values: only gemm_int8 of the same tier reads them. A row with a value that
/// is not finite gets the scale NaN, so that its products are NaN.
struct QuantizeRowsInt8 {
  std::int64_t rows, k;
  const float* x;
  std::int64_t x_stride;
  std::int8_t* q;
  std::int64_t q_stride;
  QuantizedRow* quantized;  // [rows]
};

/// b, row-major with `stride` values from row to row, -> panels of up to 32 columns as gemm_f32 reads them.
struct PackF32 {
  std::int64_t k, n;
  const float* b;  // [k, n], or [n, k] when `transposed`
  std::int64_t stride;
  bool transposed;
  float* panels;
};

/// gemm_f32 with product.b row-major [k, n], k at most 256: few rows read it where it stands, others pack it first.
struct GemmRowMajorF32 {
  GemmF32 product;
  std::int64_t b_stride;
  float* panels;  // memory for b in panels
};

/// y[columns, rows] = x[rows, columns].
struct TransposeF32 {
  std::int64_t rows, columns;
  const float* x;
  std::int64_t x_stride;
  float* y;
  std::int64_t y_stride;
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_GEMM_KERNELS(X)             \
  X(gemm_f32, GemmF32)                    \
  X(gemm_bf16, GemmBf16)                  \
  X(gemm_int8, GemmInt8)                  \
  X(round_rows_bf16, RoundRowsBf16)       \
  X(quantize_rows_int8, QuantizeRowsInt8) \
  X(gemm_row_major_f32, GemmRowMajorF32)  \
  X(pack_f32, PackF32)                    \
  X(transpose_f32, TransposeF32)

struct GemmKernels {
  PYSEQ_GEMM_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
