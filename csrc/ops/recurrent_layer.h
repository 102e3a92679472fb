// A recurrent layer over a sequence, in one direction: the engine behind rnn, gru, lstm and their one-step forms.
#pragma once

#include <cstdint>
#include <vector>

#include "base/arena.h"
#include "kernels/table.h"
#include "pyseq/runtime.h"
#include "pyseq/tensor.h"

namespace pyseq {

/// What tells the three kinds of cells apart.
struct CellKind {
  int gates;            // rnn 1, gru 3, lstm 4
  bool has_cell_state;  // lstm: c beside h
  void (*KernelTable::*step)(const RecurrentCellF32*);
};
inline constexpr CellKind kRnnCell{1, false, &KernelTable::rnn_cell_f32};
inline constexpr CellKind kGruCell{3, false, &KernelTable::gru_cell_f32};
inline constexpr CellKind kLstmCell{4, true, &KernelTable::lstm_cell_f32};

/// Weights of one direction as tensors; biases may be undefined.
struct DirectionWeights {
  const Tensor& w_ih;  // [gates * hidden, in]
  const Tensor& w_hh;  // [gates * hidden, hidden]
  const Tensor& b_ih;  // [gates * hidden]
  const Tensor& b_hh;
};

/// A column block of a matrix with `stride` values per row; null stands for zeros (read) or for nothing (written).
template <typename T>
struct Columns {
  T* data = nullptr;
  std::int64_t stride = 0;
  T* row(std::int64_t index) const { return data + index * stride; }
};

/// The layer's arrays as one direction sees them.
struct SequenceView {
  std::int64_t batch, time, in, hidden;
  const float* x;               // [batch, time, in]
  const std::int64_t* lengths;  // [batch], or null: all of them `time`
  bool reverse;
  Columns<const float> h0, c0;  // [batch, hidden]
  Columns<float> y;             // [batch * time, hidden]; rows beyond the lengths are left alone
  Columns<float> h, c;          // final states [batch, hidden]
};

void run_direction(const CellKind& kind, Activation activation, const DirectionWeights& weights,
                   const SequenceView& sequence, Arena& scratch, const RunLimits& limits);

}  // namespace pyseq
