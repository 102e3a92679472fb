// The packed weight layout, the same on every tier, so that a file can hold weights ready for use.
//
// A weight [out, in] becomes panels of 32 output columns; inside a panel, column values of one k follow each other
// (k-major): panel[k * width + column]. `width` is 32, and for the last panel of a matrix (or of a gate block) the
// columns that remain, rounded up to a multiple of 16 with zeros, so that every tier reads whole vectors.
//
// Narrow storage types group consecutive k for their dot products, pairs for bfloat16 and quads for int8:
// panel[(k / group * width + column) * group + k % group], with zeros for the k that fill up the last group.
// int8 is symmetric per output column: weight = scale * q with q in [-127, 127]. Behind the panels follow the scales
// (float32, one per column in storage) and the sums of q over k (int32, likewise), which instructions that multiply
// unsigned by signed values need.
//
// Recurrent weights [gates * hidden, in] are packed with `gates` > 1: hidden units are cut into blocks of 32, and the
// panels of a block's gates follow each other (gate 0 of units 0..31, gate 1 of units 0..31, ..., gate 0 of units
// 32..63, ...), so that a thread owns whole units. The last block is narrower in all its gates alike.
//
// The weight of a convolution [out, in, taps...] is packed as the matrix [out, taps * in] in which k counts the values
// of a tap before those of the next one, as frames stand in memory; shape() stays that of the convolution.
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

/// Values of k that stand together in a panel.
inline constexpr std::int64_t kBfloat16Group = 2;
inline constexpr std::int64_t kInt8Group = 4;
/// The most k of an int8 weight: exact int32 sums of 255 * 127 must not overflow.
inline constexpr std::int64_t kMostInt8Depth = 65536;
constexpr std::int64_t depth_group(DType storage) {
  return storage == DType::bfloat16 ? kBfloat16Group : storage == DType::int8 ? kInt8Group : 1;
}
/// Values of k in storage: `in` rounded up to whole groups.
constexpr std::int64_t padded_depth(DType storage, std::int64_t in) {
  const std::int64_t group = depth_group(storage);
  return (in + group - 1) / group * group;
}

/// Number of float32 values that packing [gates * units, in] takes.
constexpr std::int64_t packed_size(std::int64_t units, int gates, std::int64_t in) {
  return gates * padded_columns(units) * in;
}

/// Values of k of a weight: its `in`, times the taps of a convolution.
std::int64_t weight_depth(const Shape& weight);

/// weight [gates * units, in] float32, row-major -> packed, stored as float32, bfloat16 or int8. ShapeError when rows
/// are not a multiple of gates; ValueError when int8 cannot hold a weight: values that are not finite, or
/// more than kMostInt8Depth columns.
Tensor pack_weight(const Tensor& weight, int gates = 1, DType storage = DType::float32);
/// The inverse, in float32, for inspection and tests: what the packed values stand for.
Tensor unpack_weight(const Tensor& packed);

/// The parts of a weight packed as int8.
struct PackedInt8 {
  const std::int8_t* panels;
  const float* scales;       // [gates * padded_columns(units)], in storage order
  const std::int32_t* sums;  // likewise
};
PackedInt8 packed_int8(const Tensor& packed);

/// A bias [gates * units] in the column order of the packed weight, zeros in the padding: [gates * padded_columns].
void pack_bias(const float* bias, std::int64_t units, int gates, float* out);
/// The weight of a convolution [out, in, taps...], row-major -> the matrix [out, taps * in].
void taps_before_values(const float* weight, const Shape& shape, float* matrix);
/// weight -> panels written to `out` (packed_size values), for operands packed on the fly.
void pack_panels(const float* weight, std::int64_t units, int gates, std::int64_t in, float* out);

}  // namespace pyseq
