#include "base/packing.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/bfloat16.h"
#include "base/threads.h"

namespace pyseq {
namespace {

// Values of k that are transposed together: one cache line of every row, and whole groups.
constexpr std::int64_t kTile = 16;
// Values below which sharing the work costs more than it gains.
constexpr std::int64_t kParallelGrain = std::int64_t{1} << 16;

/// A block of up to 32 hidden units: one panel per gate.
struct UnitBlock {
  std::int64_t first, count, width;
};

std::int64_t num_blocks(std::int64_t units) {
  return (units + kPanelColumns - 1) / kPanelColumns;
}

UnitBlock unit_block(std::int64_t units, std::int64_t index) {
  const std::int64_t first = index * kPanelColumns;
  const std::int64_t count = std::min(kPanelColumns, units - first);
  return {first, count, panel_width(count)};
}

/// First column in storage of a block's panel: all blocks before it are whole.
std::int64_t panel_column(const UnitBlock& block, int gates, int gate) {
  return block.first * gates + gate * block.width;
}

/// rows [columns, in] row-major -> panel: groups of `Group` values of k, zeros in the columns and the k that remain.
/// convert(column, value) gives what is stored.
template <std::int64_t Group, typename T, typename Convert>
void pack_panel(const float* rows, const UnitBlock& block, std::int64_t in, T* panel, Convert convert) {
  const std::int64_t depth = (in + Group - 1) / Group * Group;
  std::fill_n(panel, depth * block.width, T{});
  for (std::int64_t k0 = 0; k0 < in; k0 += kTile) {
    const std::int64_t k1 = std::min(in, k0 + kTile);
    for (std::int64_t column = 0; column < block.count; ++column) {
      for (std::int64_t k = k0; k < k1; ++k) {
        panel[(k / Group * block.width + column) * Group + k % Group] = convert(column, rows[column * in + k]);
      }
    }
  }
}

template <std::int64_t Group, typename T, typename Convert>
void unpack_panel(const T* panel, const UnitBlock& block, std::int64_t in, float* rows, Convert convert) {
  for (std::int64_t column = 0; column < block.count; ++column) {
    for (std::int64_t k = 0; k < in; ++k) {
      rows[column * in + k] = convert(column, panel[(k / Group * block.width + column) * Group + k % Group]);
    }
  }
}

float as_stored(std::int64_t, float value) {
  return value;
}

/// Calls visit(block, gate) for every panel, blocks of units shared among threads.
template <typename Visit>
void for_each_panel(std::int64_t units, int gates, std::int64_t in, Visit visit) {
  const std::int64_t values_per_block = std::max<std::int64_t>(1, gates * kPanelColumns * in);
  const std::int64_t grain = std::max<std::int64_t>(1, kParallelGrain / values_per_block);
  parallel_for(num_blocks(units), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      for (int gate = 0; gate < gates; ++gate) visit(unit_block(units, index), gate);
    }
  });
}

/// The storage of a packed int8 weight.
struct Int8Storage {
  std::int8_t* panels;
  float* scales;
  std::int32_t* sums;
};
Int8Storage int8_storage(std::int8_t* data, std::int64_t columns, std::int64_t in) {
  auto* scales = reinterpret_cast<float*>(data + columns * padded_depth(DType::int8, in));
  return {data, scales, reinterpret_cast<std::int32_t*>(scales + columns)};
}

/// The scale that maps [-largest, largest] of a row of weights to [-127, 127].
float row_scale(const float* row, std::int64_t in, std::int64_t index) {
  float largest = 0.0f;
  for (std::int64_t k = 0; k < in; ++k) {
    if (!std::isfinite(row[k])) {
      throw ValueError("pack_weight: weight has " + std::to_string(row[k]) + " in row " + std::to_string(index) +
                       ", expected finite values for int8");
    }
    largest = std::max(largest, std::abs(row[k]));
  }
  return largest / 127.0f;
}

void pack_int8_panel(const float* rows, std::int64_t first_row, const UnitBlock& block, std::int64_t in,
                     std::int64_t column, const Int8Storage& storage) {
  float* scales = storage.scales + column;
  std::int32_t* sums = storage.sums + column;
  std::fill_n(scales, block.width, 0.0f);
  std::fill_n(sums, block.width, 0);
  for (std::int64_t c = 0; c < block.count; ++c) scales[c] = row_scale(rows + c * in, in, first_row + c);
  const auto quantized = [&](std::int64_t c, float value) {
    // Scales of subnormal weights may be subnormal or zero: the quotient is bounded all the same.
    const float quotient = scales[c] == 0.0f ? 0.0f : value / scales[c];
    const auto q = static_cast<std::int8_t>(std::nearbyint(std::clamp(quotient, -127.0f, 127.0f)));
    sums[c] += q;
    return q;
  };
  pack_panel<kInt8Group>(rows, block, in, storage.panels + column * padded_depth(DType::int8, in), quantized);
}

std::size_t storage_values(DType storage, std::int64_t columns, std::int64_t in) {
  const std::int64_t panels = columns * padded_depth(storage, in);
  const std::int64_t scales_and_sums = storage == DType::int8 ? columns * 8 : 0;
  return static_cast<std::size_t>(panels + scales_and_sums);
}

/// Visits matrix places and weight places of a convolution's weight together.
template <typename Visit>
void for_each_tap_value(const Shape& shape, Visit visit) {
  const std::int64_t in = shape[1], depth = weight_depth(shape), taps = in == 0 ? 0 : depth / in;
  for (std::int64_t out = 0; out < shape[0]; ++out) {
    for (std::int64_t i = 0; i < in; ++i) {
      for (std::int64_t tap = 0; tap < taps; ++tap) visit(out * depth + tap * in + i, out * depth + i * taps + tap);
    }
  }
}

/// The matrix that is packed: the weight itself, or that of a convolution in another order.
Tensor as_matrix(const Tensor& weight) {
  if (weight.rank() == 2) return weight;
  Tensor matrix = Tensor::empty(DType::float32, {weight.size(0), weight_depth(weight.shape())});
  taps_before_values(weight.data<float>(), weight.shape(), matrix.mutable_data<float>());
  return matrix;
}

/// The inverse of as_matrix.
Tensor from_matrix(const Tensor& matrix, const Shape& shape) {
  if (shape.rank() == 2) return matrix;
  Tensor weight = Tensor::empty(DType::float32, shape);
  float* to = weight.mutable_data<float>();
  const float* from = matrix.data<float>();
  for_each_tap_value(shape, [&](std::int64_t m, std::int64_t w) { to[w] = from[m]; });
  return weight;
}

}  // namespace

std::int64_t weight_depth(const Shape& weight) {
  std::int64_t depth = 1;
  for (int axis = 1; axis < weight.rank(); ++axis) depth *= weight[axis];
  return depth;
}

void taps_before_values(const float* weight, const Shape& shape, float* matrix) {
  for_each_tap_value(shape, [&](std::int64_t m, std::int64_t w) { matrix[m] = weight[w]; });
}

void pack_panels(const float* weight, std::int64_t units, int gates, std::int64_t in, float* out) {
  for_each_panel(units, gates, in, [&](const UnitBlock& block, int gate) {
    pack_panel<1>(weight + (gate * units + block.first) * in, block, in, out + panel_column(block, gates, gate) * in,
                  as_stored);
  });
}

void pack_bias(const float* bias, std::int64_t units, int gates, float* out) {
  for (std::int64_t index = 0; index < num_blocks(units); ++index) {
    const UnitBlock block = unit_block(units, index);
    for (int gate = 0; gate < gates; ++gate) {
      pack_panel<1>(bias + gate * units + block.first, block, 1, out + panel_column(block, gates, gate), as_stored);
    }
  }
}

Tensor pack_weight(const Tensor& weight, int gates, DType storage) {
  constexpr int kConvolutionGates = 1;
  if (weight.is_packed()) throw ShapeError("pack_weight: weight " + weight.shape().to_string() + " is packed");
  const bool is_matrix = weight.rank() == 2, is_convolution = weight.rank() > 2 && gates == kConvolutionGates;
  if (!(is_matrix || is_convolution) || gates < 1 || weight.size(0) % gates != 0) {
    throw ShapeError("pack_weight: weight is " + weight.shape().to_string() + ", expected [gates * units, in] with " +
                     std::to_string(gates) + " gates");
  }
  if (storage != DType::float32 && storage != DType::bfloat16 && storage != DType::int8) {
    throw DTypeError(std::string("pack_weight: dtype is ") + dtype_name(storage) +
                     ", expected float32, bfloat16 or int8");
  }
  const std::int64_t units = weight.size(0) / gates, in = weight_depth(weight.shape());
  if (storage == DType::int8 && in > kMostInt8Depth) {
    throw ValueError("pack_weight: weight is " + weight.shape().to_string() + ", expected at most " +
                     std::to_string(kMostInt8Depth) + " columns for int8");
  }
  const std::int64_t columns = gates * padded_columns(units), depth = padded_depth(storage, in);
  const Tensor matrix = as_matrix(weight);
  const float* values = matrix.data<float>();
  const auto rows = [&](const UnitBlock& block, int gate) { return values + (gate * units + block.first) * in; };
  Tensor packed = Tensor::empty(storage, Shape{static_cast<std::int64_t>(storage_values(storage, columns, in))});
  if (storage == DType::int8) {
    const Int8Storage parts = int8_storage(packed.mutable_data<std::int8_t>(), columns, in);
    for_each_panel(units, gates, in, [&](const UnitBlock& block, int gate) {
      pack_int8_panel(rows(block, gate), gate * units + block.first, block, in, panel_column(block, gates, gate),
                      parts);
    });
  } else if (storage == DType::bfloat16) {
    auto* out = packed.mutable_data<BFloat16>();
    for_each_panel(units, gates, in, [&](const UnitBlock& block, int gate) {
      pack_panel<kBfloat16Group>(rows(block, gate), block, in, out + panel_column(block, gates, gate) * depth,
                                 [](std::int64_t, float value) { return to_bfloat16(value); });
    });
  } else {
    pack_panels(values, units, gates, in, packed.mutable_data<float>());
  }
  return Tensor::packed(weight.shape(), gates, std::move(packed));
}

PackedInt8 packed_int8(const Tensor& packed) {
  const int gates = packed.panel_gates();
  const std::int64_t columns = gates * padded_columns(packed.size(0) / gates);
  // The parts are handed out for reading only.
  auto* data = const_cast<std::int8_t*>(packed.data<std::int8_t>());
  const Int8Storage parts = int8_storage(data, columns, weight_depth(packed.shape()));
  return {parts.panels, parts.scales, parts.sums};
}

Tensor unpack_weight(const Tensor& packed) {
  if (!packed.is_packed()) throw ShapeError("unpack_weight: tensor " + packed.shape().to_string() + " is not packed");
  const int gates = packed.panel_gates();
  const std::int64_t units = packed.size(0) / gates, in = weight_depth(packed.shape());
  const std::int64_t depth = padded_depth(packed.dtype(), in);
  Tensor weight = Tensor::empty(DType::float32, {packed.size(0), in});
  float* values = weight.mutable_data<float>();
  for_each_panel(units, gates, in, [&](const UnitBlock& block, int gate) {
    const std::int64_t column = panel_column(block, gates, gate);
    float* rows = values + (gate * units + block.first) * in;
    if (packed.dtype() == DType::int8) {
      const PackedInt8 parts = packed_int8(packed);
      const float* scales = parts.scales + column;
      unpack_panel<kInt8Group>(parts.panels + column * depth, block, in, rows,
                               [scales](std::int64_t c, std::int8_t q) { return scales[c] * static_cast<float>(q); });
    } else if (packed.dtype() == DType::bfloat16) {
      unpack_panel<kBfloat16Group>(packed.data<BFloat16>() + column * depth, block, in, rows,
                                   [](std::int64_t, BFloat16 value) { return to_float(value); });
    } else {
      unpack_panel<1>(packed.data<float>() + column * depth, block, in, rows, as_stored);
    }
  });
  return from_matrix(weight, packed.shape());
}

}  // namespace pyseq
