// A recurrent layer over a sequence, in one direction or both: the engine behind rnn, gru, lstm, their variants and
// their one-step forms.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.h"
#include "kernels/table.h"
#include "pyseq/runtime.h"
#include "pyseq/tensor.h"

namespace pyseq {

/// What tells the kinds of cells apart.
struct CellKind {
  int gates;
  bool has_cell_state;   // LSTMs: c beside h
  int first_norm_gates;  // gates [0, this) are normalised together, and so are the others
  RecurrentCell cell;
};
inline constexpr CellKind kRnnCell{1, false, 1, RecurrentCell::rnn_tanh};
inline constexpr CellKind kGruCell{3, false, 2, RecurrentCell::gru};
inline constexpr CellKind kSimpleGruCell{2, false, 1, RecurrentCell::simple_gru};
inline constexpr CellKind kLstmCell{4, true, 4, RecurrentCell::lstm};
inline constexpr CellKind kCoupledLstmCell{3, true, 3, RecurrentCell::coupled_lstm};

/// Attributes of a call.
struct LayerOptions {
  RecurrentCell cell;
  bool reset_before = false;  // gru: the reset gate is applied before the recurrent product
  float epsilon = 1e-5F;      // of the norms
};

/// Weights of one direction; those behind w_hh may be undefined.
struct DirectionWeights {
  Tensor w_ih;  // [gates * hidden, in]
  Tensor w_hh;  // [gates * hidden, width]
  Tensor b_ih;  // [gates * hidden]
  Tensor b_hh;
  Tensor norm_ih;  // [gates * hidden], weights of the norm of W_ih x, whose bias is b_ih; norm_hh likewise
  Tensor norm_hh;
  Tensor norm_c;  // [hidden], of the norm of c, with its bias
  Tensor norm_c_bias;
  Tensor peephole;  // [(gates - 1) * hidden]
  Tensor w_hr;      // [width, hidden]: h = W_hr m
};

/// A column block of a matrix with `stride` values per row; null stands for zeros (read) or for nothing (written).
template <typename T>
struct Columns {
  T* data = nullptr;
  std::int64_t stride = 0;
  T* row(std::int64_t index) const { return data + index * stride; }
};
/// The columns of one direction in a tensor that holds them side by side; nothing for an undefined one.
inline Columns<const float> columns_of(const Tensor& tensor, std::int64_t first) {
  if (!tensor.defined()) return {};
  return {tensor.data<float>() + first, tensor.size(-1)};
}
inline Columns<float> mutable_columns_of(Tensor& tensor, std::int64_t first) {
  if (!tensor.defined()) return {};
  return {tensor.mutable_data<float>() + first, tensor.size(-1)};
}

/// The layer's arrays as one direction sees them. `width` is the size of h: hidden, or that of its projection.
struct SequenceView {
  std::int64_t batch, time, in, hidden, width;
  const float* x;               // [batch, time, in]
  const std::int64_t* lengths;  // [batch], or null: all of them `time`
  bool reverse;
  Columns<const float> h0 = {};   // [batch, width]
  Columns<const float> c0 = {};   // [batch, hidden]
  Columns<float> y = {};          // [batch * time, width]; rows beyond the lengths are left alone
  Columns<float> h = {}, c = {};  // final states
};

/// What a forward keeps for its vjp, rows in the order of the steps (sequence_order.h). Null: nothing is kept.
template <typename T>
struct ReserveOf {
  T* gates = nullptr;       // [slots, columns]: activated, as the gates lie in packed weights
  T* state = nullptr;       // [slots, hidden]: c of an LSTM; W_hn h + b_hn of a gru with the reset behind it
  T* x_products = nullptr;  // [slots, columns], with norms: W_ih x and W_hh h before them
  T* h_products = nullptr;
};
using Reserve = ReserveOf<float>;

/// One direction of a call.
struct DirectionCall {
  DirectionWeights weights;
  SequenceView view;
  Reserve reserve = {};
};

/// Runs one direction, or two of the same batch, lengths and kind at the same time.
void run_layer(const CellKind& kind, const LayerOptions& options, std::span<const DirectionCall> directions,
               Arena& scratch, const RunLimits& limits);

}  // namespace pyseq
