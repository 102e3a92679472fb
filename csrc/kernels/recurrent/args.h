// Arguments of the kernels behind recurrent layers.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
//
// Gate values of a row lie as the columns of packed weights do (base/packing.h): blocks of 32 hidden units, in a block
// the gates one after the other, each as wide as the block (the last block may be 16 wide).
#pragma once

#include <cstdint>

#include "kernels/gemm/args.h"
#include "kernels/recurrent/cell.h"
#include "kernels/recurrent/gradient_args.h"

namespace pyseq {

/// One step for the unit blocks [first_block, last_block) in all their gates: gates = a W_hh^T + bias, then the cell.
struct RecurrentStep {
  RecurrentCell cell;
  std::int64_t rows, hidden, gates;
  std::int64_t first_block, last_block;
  bool backwards;  // last block first: finds in the cache what the step before read last

  // The product, for the gates [first_gate, last_gate).
  std::int64_t first_gate, last_gate;
  std::int64_t k;
  const void* a;  // [rows, k] float32, or rounded or quantised rows; a_stride counts its values
  std::int64_t a_stride;
  const QuantizedRow* a_rows;  // [rows], int8 only
  const void* panels;          // packed with `gates`
  const float* scales;         // of the columns, int8 only
  const std::int32_t* sums;    // likewise
  const float* bias;           // of the columns, or null
  float* h_gates;              // [rows, columns], where the sums are kept
  std::int64_t columns;        // of a row of h_gates and x_gates

  // The cell. Every element is read before it is written, so h may be h_prev and c may be c_prev.
  const float* x_gates;  // [rows, columns]: W_ih x + b_ih
  const float* h_prev;   // [rows, hidden] at `stride`, as the following
  const float* c_prev;   // LSTM only
  float* h;
  float* c;               // LSTM only
  const float* peephole;  // of c for the gates i, f, o (coupled: f, o), `hidden` values each; LSTM only, or null
  std::int64_t stride;

  // For the vjp.
  bool keep_gates;   // the activated gates stay in h_gates
  float* candidate;  // gru: W_hn h + b_hn, or null
};

/// Rows of gates, normalised in groups of gates: x = (x - mean) / sqrt(variance + epsilon) * weight + bias.
struct NormalizeGates {
  std::int64_t rows, hidden, gates;
  std::int64_t first_gate, last_gate;  // of the group; mean and variance are taken over all of its units
  float* x;                            // [rows, columns]
  std::int64_t columns;
  const float* weight;  // [columns]
  const float* bias;    // [columns] or null
  float epsilon;
};

/// The end of an LSTM step that normalises its cell state: h = o ⊙ tanh(norm(c)), o from x_gates + h_gates, with the
/// fields of a RecurrentStep.
struct NormalizeCell {
  const RecurrentStep* step;
  const float* weight;  // [hidden]
  const float* bias;    // [hidden] or null
  float epsilon;
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_RECURRENT_KERNELS(X)                    \
  X(recurrent_step_f32, RecurrentStep)                \
  X(recurrent_step_bf16, RecurrentStep)               \
  X(recurrent_step_int8, RecurrentStep)               \
  X(recurrent_cell, RecurrentStep)                    \
  X(normalize_gates, NormalizeGates)                  \
  X(normalize_cell, NormalizeCell)                    \
  X(recurrent_cell_gradient, RecurrentCellGradient)   \
  X(normalize_gates_gradient, NormalizeGatesGradient) \
  X(normalize_cell_gradient, NormalizeCellGradient)

struct RecurrentKernels {
  PYSEQ_RECURRENT_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
