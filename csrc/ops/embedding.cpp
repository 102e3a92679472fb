// embedding: y[...] = scale * weight[ids[...]]. Reads a packed table as well, so that an embedding tied to an output
// layer is stored once.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/bfloat16.h"
#include "base/packing.h"
#include "base/threads.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"

namespace pyseq {
namespace {

enum Input { kIds, kWeight };
enum Attribute { kScale };
constexpr std::int64_t kValuesPerChunk = 16384;

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& ids = args.inputs[kIds];
  const Tensor& weight = args.inputs[kWeight];
  check_dtype(args.label, "ids", ids, DType::int64);
  check_weight(args.label, "weight", weight, 1, -1, -1);
  if (ids.rank() == kMaxRank) {
    throw_shape(args.label, "ids", "shape " + ids.shape().to_string(),
                "at most " + std::to_string(kMaxRank - 1) + " dimensions");
  }
  if (!std::isfinite(args.attrs.real(kScale))) {
    throw_value(args.label, "scale", std::to_string(args.attrs.real(kScale)), "a finite number");
  }
  std::vector<std::int64_t> sizes(ids.shape().begin(), ids.shape().end());
  sizes.push_back(weight.size(1));
  outputs[0] = {DType::float32, Shape(sizes)};
}

/// Reads rows of a table, whatever its layout and storage type.
class RowReader {
 public:
  explicit RowReader(const Tensor& table) : table_(table), width_(table.size(1)) {
    if (table.dtype() == DType::int8) int8_ = packed_int8(table);
  }

  /// out[width] = scale * row
  void read(std::int64_t row, float scale, float* out) const {
    switch (table_.dtype()) {
      case DType::bfloat16: {
        const BFloat16* values = table_.data<BFloat16>() + panel_offset(row);
        const std::int64_t column = row % kPanelColumns, panel = panel_columns(row);
        for (std::int64_t i = 0; i < width_; ++i) {
          out[i] =
              to_float(values[(i / kBfloat16Group * panel + column) * kBfloat16Group + i % kBfloat16Group]) * scale;
        }
        return;
      }
      case DType::int8: {
        const std::int8_t* values = int8_.panels + panel_offset(row);
        const std::int64_t column = row % kPanelColumns, panel = panel_columns(row);
        const float row_scale = int8_.scales[row];
        for (std::int64_t i = 0; i < width_; ++i) {
          const std::int8_t q = values[(i / kInt8Group * panel + column) * kInt8Group + i % kInt8Group];
          out[i] = row_scale * static_cast<float>(q) * scale;
        }
        return;
      }
      default:
        if (table_.is_packed()) {
          const float* values = table_.data<float>() + panel_offset(row) + row % kPanelColumns;
          copy_scaled(values, panel_columns(row), scale, out);
        } else {
          copy_scaled(table_.data<float>() + row * width_, 1, scale, out);
        }
    }
  }

 private:
  std::int64_t panel_offset(std::int64_t row) const {
    return row / kPanelColumns * kPanelColumns * padded_depth(table_.dtype(), width_);
  }
  std::int64_t panel_columns(std::int64_t row) const {
    return panel_width(std::min(kPanelColumns, table_.size(0) - row / kPanelColumns * kPanelColumns));
  }
  void copy_scaled(const float* values, std::int64_t stride, float scale, float* out) const {
    for (std::int64_t i = 0; i < width_; ++i) out[i] = values[i * stride] * scale;
  }

  const Tensor& table_;
  std::int64_t width_;
  PackedInt8 int8_{};
};

void forward(OpCall& call) {
  const Tensor& weight = call.inputs[kWeight];
  const auto ids = call.inputs[kIds].values<std::int64_t>();
  const std::int64_t width = weight.size(1);
  const std::string table = "the " + std::to_string(weight.size(0)) + " rows of weight";
  check_indices(call.label, "ids", ids, weight.size(0), table);
  if (ids.empty() || width == 0) return;
  float* y = call.outputs[0].mutable_data<float>();
  const auto scale = static_cast<float>(call.attrs.real(kScale));
  const RowReader reader(weight);
  parallel_for(static_cast<std::int64_t>(ids.size()), kValuesPerChunk / width + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   reader.read(ids[i], scale, y + i * width);
                 }
               });
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  // Only the rows that are asked for are read.
  const double copied = bytes_of(outputs[0]);
  const double flops = static_cast<double>(outputs[0].shape.num_elements());
  return {flops, 2 * copied + bytes_of({DType::int64, args.inputs[kIds].shape()})};
}

// ---- vjp: every row of the table gets the sum of the gradients at its ids, in the order of their positions

void vjp(VjpCall& call) {
  Tensor& table = call.grad_inputs[kWeight];
  const auto scale = static_cast<float>(call.attrs.real(kScale));
  const std::int64_t count = table.size(0), width = table.size(1);
  float* rows = table.mutable_data<float>();
  sum_rows_by_id(call.grad_outputs[0].data<float>(), call.inputs[kIds].values<std::int64_t>(), count, width, rows);
  if (scale == 1.0F) return;
  parallel_for(count, kValuesPerChunk / (width + 1) + 1, [&](std::int64_t begin, std::int64_t end) {
    std::transform(rows + begin * width, rows + end * width, rows + begin * width, [=](float v) { return v * scale; });
  });
}

}  // namespace

void add_embedding_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "embedding",
                 .inputs = {{"ids"}, {.name = "weight", .accepts_packed = true}},
                 .attrs = {{"scale", 1.0}},
                 .outputs = {{"y"}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost,
                 .vjp = vjp,
                 .vjp_reads = {VjpReads::bits({kIds})},
                 .differentiable = VjpReads::bits({kWeight})});
}

}  // namespace pyseq
