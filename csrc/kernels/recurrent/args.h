// Arguments of the element-wise parts of recurrent steps.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace pyseq {

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

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_RECURRENT_KERNELS(X)   \
  X(rnn_cell_f32, RecurrentCellF32)  \
  X(lstm_cell_f32, RecurrentCellF32) \
  X(gru_cell_f32, RecurrentCellF32)

struct RecurrentKernels {
  PYSEQ_RECURRENT_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
