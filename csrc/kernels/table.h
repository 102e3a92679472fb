// The interface between ops and kernels: plain structs of pointers and sizes, and one table of function pointers per
// instruction-set tier. Kernels run on the calling thread; ops cut the work (see kernels/README.md for the rules).
// This header is compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

namespace pyseq {

enum class Activation : std::int32_t { none, relu, gelu, gelu_tanh, tanh, sigmoid };

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

/// Element-wise part of a recurrent step over one block of `units` <= 32 hidden units. Gate g of unit u of row r lies
/// at gates[r * stride + g * width + u], where width is panel_width(units). x_gates holds W_ih x + b_ih, h_gates W_hh h
/// + b_hh.
struct RecurrentCellF32 {
  std::int64_t rows, units, width;
  const float* x_gates;
  std::int64_t x_stride;
  const float* h_gates;
  std::int64_t h_stride;
  const float* h_prev;  // [rows, units] at prev_stride, as c_prev
  const float* c_prev;  // LSTM only
  std::int64_t prev_stride;
  float* h;  // [rows, units] at state_stride, as c
  float* c;  // LSTM only
  std::int64_t state_stride;
  Activation activation;  // plain RNN only: tanh or relu
};

/// out[r] = softmax(scale * q[r] K^T) V over the first key_counts[r] keys, with an online softmax in chunks of 256
/// keys. Keys come in blocks of 32 positions: key_panels[b] is [head_dim][32] (k-major), value_blocks[b] is 32 rows of
/// value_dim at value_stride. Positions beyond key_counts[r] may hold anything, NaN included. No visible key: zeros.
struct AttentionF32 {
  std::int64_t rows, head_dim, value_dim;
  const float* q;
  std::int64_t q_stride;
  const float* const* key_panels;
  const float* const* value_blocks;
  std::int64_t value_stride;
  const std::int64_t* key_counts;  // [rows]
  float scale;
  float* out;
  std::int64_t out_stride;
  float* weights;  // [rows, weights_stride] or null; entries from key_counts[r] to weights_count are set to zero
  std::int64_t weights_stride;
  std::int64_t weights_count;
  float* scratch;  // attention_scratch_size(rows, value_dim) values
};
constexpr std::int64_t kAttentionKeyChunk = 256;
constexpr std::int64_t kAttentionKeyBlock = 32;
constexpr std::int64_t kAttentionMaxRows = 12;  // that a tier takes together
/// Scores of one chunk and one row of sums, for each of the rows taken together.
static constexpr std::int64_t attention_scratch_size(std::int64_t rows, std::int64_t value_dim) {
  return (rows < kAttentionMaxRows ? rows : kAttentionMaxRows) * (kAttentionKeyChunk + value_dim);
}

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
#define PYSEQ_KERNELS(X)             \
  X(gemm_f32, GemmF32)               \
  X(rnn_cell_f32, RecurrentCellF32)  \
  X(lstm_cell_f32, RecurrentCellF32) \
  X(gru_cell_f32, RecurrentCellF32)  \
  X(attention_f32, AttentionF32)     \
  X(softmax_f32, RowwiseF32)         \
  X(log_softmax_f32, RowwiseF32)     \
  X(layer_norm_f32, LayerNormF32)    \
  X(activation_f32, ActivationF32)   \
  X(exp_f32, PointwiseF32)           \
  X(log_f32, PointwiseF32)           \
  X(erf_f32, PointwiseF32)           \
  X(add_f32, BinaryF32)

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
/// y[i] = a[i] + b[i mod period]: period == n adds element by element, smaller ones broadcast a row.
struct BinaryF32 {
  std::int64_t n, period;
  const float* a;
  const float* b;
  float* y;
};

struct KernelTable {
  const char* isa;
#define PYSEQ_DECLARE_KERNEL(name, Args) void (*name)(const Args*);
  PYSEQ_KERNELS(PYSEQ_DECLARE_KERNEL)
#undef PYSEQ_DECLARE_KERNEL
};

}  // namespace pyseq
