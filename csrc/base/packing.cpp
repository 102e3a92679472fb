#include "base/packing.h"

#include <algorithm>
#include <string>

#include "base/threads.h"

namespace pyseq {
namespace {

// Values of k that are transposed together: one cache line of every row.
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

/// rows [columns, in] row-major -> panel [in, width], zeros in the columns that remain.
void pack_panel(const float* rows, std::int64_t columns, std::int64_t width, std::int64_t in, float* panel) {
  for (std::int64_t k0 = 0; k0 < in; k0 += kTile) {
    const std::int64_t k1 = std::min(in, k0 + kTile);
    for (std::int64_t column = 0; column < columns; ++column) {
      for (std::int64_t k = k0; k < k1; ++k) panel[k * width + column] = rows[column * in + k];
    }
    for (std::int64_t k = k0; k < k1; ++k) std::fill_n(panel + k * width + columns, width - columns, 0.0f);
  }
}

void unpack_panel(const float* panel, std::int64_t columns, std::int64_t width, std::int64_t in, float* rows) {
  for (std::int64_t column = 0; column < columns; ++column) {
    for (std::int64_t k = 0; k < in; ++k) rows[column * in + k] = panel[k * width + column];
  }
}

}  // namespace

void pack_panels(const float* weight, std::int64_t units, int gates, std::int64_t in, float* out) {
  const std::int64_t values_per_block = std::max<std::int64_t>(1, gates * kPanelColumns * in);
  const std::int64_t grain = std::max<std::int64_t>(1, kParallelGrain / values_per_block);
  parallel_for(num_blocks(units), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      const UnitBlock block = unit_block(units, index);
      for (int gate = 0; gate < gates; ++gate) {
        pack_panel(weight + (gate * units + block.first) * in, block.count, block.width, in,
                   out + panel_column(block, gates, gate) * in);
      }
    }
  });
}

void pack_bias(const float* bias, std::int64_t units, int gates, float* out) {
  for (std::int64_t index = 0; index < num_blocks(units); ++index) {
    const UnitBlock block = unit_block(units, index);
    for (int gate = 0; gate < gates; ++gate) {
      pack_panel(bias + gate * units + block.first, block.count, block.width, 1,
                 out + panel_column(block, gates, gate));
    }
  }
}

Tensor pack_weight(const Tensor& weight, int gates) {
  if (weight.is_packed()) throw ShapeError("pack_weight: weight " + weight.shape().to_string() + " is packed");
  if (weight.rank() != 2 || gates < 1 || weight.size(0) % gates != 0) {
    throw ShapeError("pack_weight: weight is " + weight.shape().to_string() + ", expected [gates * units, in] with " +
                     std::to_string(gates) + " gates");
  }
  const std::int64_t units = weight.size(0) / gates, in = weight.size(1);
  Tensor storage = Tensor::empty(DType::float32, Shape{gates, padded_columns(units), in});
  pack_panels(weight.data<float>(), units, gates, in, storage.mutable_data<float>());
  return Tensor::packed(weight.shape(), gates, std::move(storage));
}

Tensor unpack_weight(const Tensor& packed) {
  if (!packed.is_packed()) throw ShapeError("unpack_weight: tensor " + packed.shape().to_string() + " is not packed");
  const int gates = packed.panel_gates();
  const std::int64_t units = packed.size(0) / gates, in = packed.size(1);
  Tensor weight = Tensor::empty(DType::float32, packed.shape());
  for (std::int64_t index = 0; index < num_blocks(units); ++index) {
    const UnitBlock block = unit_block(units, index);
    for (int gate = 0; gate < gates; ++gate) {
      unpack_panel(packed.data<float>() + panel_column(block, gates, gate) * in, block.count, block.width, in,
                   weight.mutable_data<float>() + (gate * units + block.first) * in);
    }
  }
  return weight;
}

}  // namespace pyseq
