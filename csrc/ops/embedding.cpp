// embedding: y[...] = scale * weight[ids[...]]. Reads a packed table as well, so that an embedding tied to an output
// layer is stored once.
#include <cmath>

#include "base/packing.h"
#include "base/threads.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

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

/// Where row `row` of a table lies: its first value, and the distance to the next one.
struct RowView {
  const float* values;
  std::int64_t stride;
};

RowView row_of(const Tensor& weight, std::int64_t row) {
  const std::int64_t rows = weight.size(0), width = weight.size(1);
  const float* values = weight.data<float>();
  if (!weight.is_packed()) return {values + row * width, 1};
  const std::int64_t first = row / kPanelColumns * kPanelColumns;
  return {values + first * width + row % kPanelColumns, panel_width(std::min(kPanelColumns, rows - first))};
}

void copy_scaled(RowView row, std::int64_t width, float scale, float* out) {
  if (row.stride == 1) {
    for (std::int64_t i = 0; i < width; ++i) out[i] = row.values[i] * scale;
  } else {
    for (std::int64_t i = 0; i < width; ++i) out[i] = row.values[i * row.stride] * scale;
  }
}

void forward(OpCall& call) {
  const Tensor& weight = call.inputs[kWeight];
  const auto ids = call.inputs[kIds].values<std::int64_t>();
  const std::int64_t width = weight.size(1);
  const std::string table = "the " + std::to_string(weight.size(0)) + " rows of weight";
  check_indices(call.label, "ids", ids, weight.size(0), table);
  if (ids.empty() || width == 0) return;
  float* y = call.outputs[0].mutable_data<float>();
  const auto scale = static_cast<float>(call.attrs.real(kScale));
  parallel_for(static_cast<std::int64_t>(ids.size()), kValuesPerChunk / width + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   copy_scaled(row_of(weight, ids[i]), width, scale, y + i * width);
                 }
               });
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  // Only the rows that are asked for are read.
  const double copied = bytes_of(outputs[0]);
  const double flops = static_cast<double>(outputs[0].shape.num_elements());
  return {flops, 2 * copied + bytes_of({DType::int64, args.inputs[kIds].shape()})};
}

}  // namespace

void add_embedding_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "embedding",
                 .inputs = {{"ids"}, {.name = "weight", .accepts_packed = true}},
                 .attrs = {{"scale", 1.0}},
                 .outputs = {{"y"}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost});
}

}  // namespace pyseq
