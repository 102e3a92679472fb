// Weights of recurrent layers: how their gates lie, and products of some or all of their unit blocks.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/packing.h"
#include "ops/product.h"

namespace pyseq {

/// How gates lie in packed weights and in gate buffers: whole blocks of 32 units first, then the rest, which is 16
/// columns wide per gate when 16 units or fewer remain.
struct GateLayout {
  std::int64_t hidden, gates;

  std::int64_t columns() const { return gates * padded_columns(hidden); }
  std::int64_t blocks() const { return (hidden + kPanelColumns - 1) / kPanelColumns; }
  std::int64_t first_column(std::int64_t block) const { return block * kPanelColumns * gates; }
  std::int64_t width(std::int64_t block) const {
    return panel_width(std::min(kPanelColumns, hidden - block * kPanelColumns));
  }
};

/// A weight [gates * hidden, in] with its bias, in panels.
struct GateMatrix {
  GateLayout layout{};
  WeightPanels weight;
  const float* bias = nullptr;  // in the order of the columns

  /// a W^T + bias for the unit blocks [begin, end), written at their columns of c [rows, ldc].
  void multiply(const ProductRows& a, std::int64_t rows, std::int64_t begin, std::int64_t end, float* c,
                std::int64_t ldc) const;
  /// x W^T + bias for all blocks, on all threads; x [rows, in].
  void multiply_all(const float* x, std::int64_t rows, float* c, std::int64_t ldc, Arena& scratch,
                    const RunLimits& limits) const;
};

/// Packed for the moment of the call when the weight is row-major. `bias` may be undefined.
GateMatrix gate_matrix(const Tensor& weight, const Tensor& bias, int gates, Arena& scratch);
/// Values [gates * hidden] in the order of the columns; null for an undefined tensor.
const float* in_column_order(const Tensor& values, const GateLayout& layout, Arena& scratch);

}  // namespace pyseq
