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

/// Rows normalised; with a residual, the rows (x + added_bias) + residual.
struct NormF32 {
  std::int64_t rows, columns;
  const float* x;
  const float* weight;  // [columns] or null
  const float* bias;    // [columns] or null; not for rms_norm
  float epsilon;
  float* y;
  const float* residual = nullptr;    // [rows, columns] or null
  const float* added_bias = nullptr;  // [columns] or null
  float* sum = nullptr;               // [rows, columns]: what was normalised, or null
};

/// The k largest values of each row in descending order, and their columns; 1 <= k <= columns.
struct TopKF32 {
  std::int64_t rows, columns, k;
  const float* x;         // [rows, columns]
  float* values;          // [rows, k]
  std::int64_t* indices;  // [rows, k]
};

/// Targets are ignore_index or within [0, classes).
struct CrossEntropyF32 {
  std::int64_t rows, classes;
  const float* logits;          // [rows, classes]
  const std::int64_t* targets;  // [rows]
  const float* weight;          // [classes] or null: ones
  float weight_sum;             // Σ weight
  float smoothing;
  std::int64_t ignore_index;
  float* loss;      // [rows]
  float* gradient;  // [rows, classes] or null: of each row's loss with respect to its logits
};

/// Losses of logits [rows, columns] and targets, each in [0, 1].
struct BinaryCrossEntropyF32 {
  std::int64_t rows, columns;
  const float* logits;
  const float* targets;
  const float* weight;  // [columns] of the part that belongs to target 1, or null: ones
  float* loss;
  float* gradient;  // [rows, columns] or null
};

/// y [columns] from x [size, columns], whose rows begin `stride` values after one another. The kernels of a row reduce
/// x [size] to one value.
struct ReduceF32 {
  std::int64_t size, columns, stride;
  const float* x;
  float* y;
};

/// dx of y = softmax(x) or log_softmax(x) along rows, all [rows, columns].
struct SoftmaxGradientF32 {
  std::int64_t rows, columns;
  const float* y;
  const float* dy;
  float* dx;
};

/// dx of a norm of rows x, and what the rows add to the gradients of its weight and bias.
struct NormGradientF32 {
  std::int64_t rows, columns;
  const float* x;       // what was normalised
  const float* weight;  // [columns] or null
  float epsilon;
  const float* dy;     // [rows, columns]
  const float* added;  // [rows, columns] or null: added to dx
  float* dx;           // [rows, columns]
  float* dweight;      // [columns] or null: holds a sum, which grows
  float* dbias;        // likewise
};

/// dx [size, columns] of y = the maxima over the rows of x [size, columns]: dy where the first one stands, else 0. Rows
/// of x and dx begin `stride` values after one another. The kernel of a row has one column and stride 1.
struct MaxGradientF32 {
  std::int64_t size, columns, stride;
  const float* x;
  const float* y;
  const float* dy;
  float* dx;
};

/// y[r] = x[r] * scales[r], x and y being [rows, columns].
struct ScaleRowsF32 {
  std::int64_t rows, columns;
  const float* x;
  const float* scales;  // [rows]
  float* y;
};

/// sums [columns] += x, or with a mean the squares of x - mean, over rows that begin `stride` values after one another.
struct AccumulateF32 {
  std::int64_t rows, columns, stride;
  const float* x;
  const float* mean;  // [columns]; not for accumulate_f32
  float* sums;
};

/// y = (x - mean) * scale + shift, column by column; x and y are [rows, columns].
struct ScaleColumnsF32 {
  std::int64_t rows, columns;
  const float* x;
  const float* mean;
  const float* scale;
  const float* shift;
  float* y;
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_ROWWISE_KERNELS(X)                     \
  X(softmax_f32, RowwiseF32)                         \
  X(log_softmax_f32, RowwiseF32)                     \
  X(softmax_gradient_f32, SoftmaxGradientF32)        \
  X(log_softmax_gradient_f32, SoftmaxGradientF32)    \
  X(layer_norm_f32, NormF32)                         \
  X(rms_norm_f32, NormF32)                           \
  X(layer_norm_gradient_f32, NormGradientF32)        \
  X(rms_norm_gradient_f32, NormGradientF32)          \
  X(top_k_f32, TopKF32)                              \
  X(cross_entropy_f32, CrossEntropyF32)              \
  X(binary_cross_entropy_f32, BinaryCrossEntropyF32) \
  X(scale_rows_f32, ScaleRowsF32)                    \
  X(sum_row_f32, ReduceF32)                          \
  X(max_row_f32, ReduceF32)                          \
  X(sum_columns_f32, ReduceF32)                      \
  X(max_columns_f32, ReduceF32)                      \
  X(max_row_gradient_f32, MaxGradientF32)            \
  X(max_columns_gradient_f32, MaxGradientF32)        \
  X(accumulate_f32, AccumulateF32)                   \
  X(accumulate_squares_f32, AccumulateF32)           \
  X(scale_columns_f32, ScaleColumnsF32)

struct RowwiseKernels {
  PYSEQ_ROWWISE_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
