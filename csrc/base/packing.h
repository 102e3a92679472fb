// The packed weight layout, the same on every tier, so that a file can hold weights ready for use.
//
// A weight [out, in] becomes panels of 32 output columns; inside a panel, column values of one k follow each other
// (k-major): panel[k * width + column]. `width` is 32, and for the last panel of a matrix (or of a gate block) the
// columns that remain, rounded up to a multiple of 16 with zeros, so that every tier reads whole vectors.
//
// Recurrent weights [gates * hidden, in] are packed with `gates` > 1: hidden units are cut into blocks of 32, and the
// panels of a block's gates follow each other (gate 0 of units 0..31, gate 1 of units 0..31, ..., gate 0 of units
// 32..63, ...), so that a thread owns whole units. The last block is narrower in all its gates alike.
#pragma once

#include <cstdint>

#include "pyseq/tensor.h"

namespace pyseq {

inline constexpr std::int64_t kPanelColumns = 32;
inline constexpr std::int64_t kColumnRounding = 16;

/// Width in storage of a panel that holds `columns` (1..32) columns.
constexpr std::int64_t panel_width(std::int64_t columns) {
  return (columns + kColumnRounding - 1) / kColumnRounding * kColumnRounding;
}
/// Columns in storage for `units` output columns per gate: 32 per whole panel plus the rounded rest.
constexpr std::int64_t padded_columns(std::int64_t units) {
  return units / kPanelColumns * kPanelColumns + panel_width(units % kPanelColumns);
}

/// Number of float32 values that packing [gates * units, in] takes.
constexpr std::int64_t packed_size(std::int64_t units, int gates, std::int64_t in) {
  return gates * padded_columns(units) * in;
}

/// weight [gates * units, in] float32, row-major -> packed. ShapeError when rows are not a multiple of gates.
Tensor pack_weight(const Tensor& weight, int gates = 1);
/// The inverse, for inspection and tests.
Tensor unpack_weight(const Tensor& packed);
/// A bias [gates * units] in the column order of the packed weight, zeros in the padding: [gates * padded_columns].
void pack_bias(const float* bias, std::int64_t units, int gates, float* out);
/// weight -> panels written to `out` (packed_size values), for operands packed on the fly.
void pack_panels(const float* weight, std::int64_t units, int gates, std::int64_t in, float* out);

}  // namespace pyseq
