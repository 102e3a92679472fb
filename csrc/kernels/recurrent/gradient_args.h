// Arguments of the kernels behind the vjps of recurrent layers.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
//
// What the forward kept lies as its gates do (args.h); gradients of gates lie as the rows of the weights do:
// [rows, gates * hidden], so that products with row-major weights and inputs read and give them as they are.
#pragma once

#include <cstdint>

#include "kernels/recurrent/cell.h"

namespace pyseq {

/// One step backwards for the units [first_unit, last_unit), which begin a block: from the gradients of h and c to
/// those of the gates before their activations, of c_prev, and of h_prev as far as it is read without a product.
struct RecurrentCellGradient {
  RecurrentCell cell;
  std::int64_t rows, hidden, gates;
  std::int64_t first_unit, last_unit;
  const float* kept;  // [rows, columns]: activated gates
  std::int64_t columns;

  // [rows, hidden] each; null where the cell has none.
  const float* h_prev;     // GRUs
  const float* candidate;  // gru: W_hn h + b_hn
  const float* c_prev;     // LSTMs
  const float* c;          // LSTMs
  const float* tanh_norm;  // LSTMs with a norm of c: tanh of it, whose gradient dc has already; else null
  const float* peephole;   // [(gates - 1) * hidden] or null
  const float* dh;
  const float* d_reset;  // gru_reset: of r ⊙ h_prev
  float* dc;             // LSTMs: of c on entry, of c_prev on exit
  float* dh_prev;        // GRUs

  // [rows, gates * hidden]: gradients of what W_ih x and W_hh h are summed to; the same memory unless the cell is gru.
  float* dx_gates;
  float* dh_gates;
  float* product_input;   // [rows, hidden] or null: o ⊙ tanh(c) of an LSTM, r ⊙ h_prev of gru_reset
  float* peephole_terms;  // [rows, (gates - 1) * hidden] or null: gradient of the peepholes, row by row
};

/// The gradient of NormalizeGates, and that of its weight row by row. dx may be dy.
struct NormalizeGatesGradient {
  std::int64_t rows, hidden, gates;
  std::int64_t first_gate, last_gate;
  const float* x;  // [rows, columns]: before the norm
  std::int64_t columns;
  const float* weight;  // [gates * hidden]
  float epsilon;
  const float* dy;  // [rows, gates * hidden], as the following
  float* dx;
  float* weight_terms;  // or null
};

/// The gradient of norm and tanh of a cell state: with t = tanh(norm(c)), adds the share that o ⊙ t has in dc.
struct NormalizeCellGradient {
  std::int64_t rows, hidden, gates;
  const float* kept;  // [rows, columns]: o is the last gate
  std::int64_t columns;
  const float* weight;  // [hidden]
  const float* bias;    // [hidden] or null
  float epsilon;
  const float* c;   // [rows, hidden], as the following
  const float* dh;  // of o ⊙ t
  float* dc;
  float* tanh_norm;     // t
  float* weight_terms;  // or null: gradients of weight and bias, row by row
  float* bias_terms;    // or null
};

}  // namespace pyseq
