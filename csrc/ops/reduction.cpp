// sum, mean and max over one axis; over time with lengths, of the valid steps alone. What has nothing to reduce gives 0
// (sum, mean) or -inf (max).
#include <algorithm>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {
namespace {

enum Input { kX, kLengths };
enum Attribute { kAxis };
constexpr std::int64_t kValuesPerChunk = 16384;
constexpr std::int64_t kColumnsPerBlock = 64;
constexpr int kTimeAxis = 1;

using Kernel = void (*)(const ReduceF32*);

int reduced_axis(const OpArgs& args) {
  const std::int64_t axis = args.attrs.integer(kAxis), rank = args.inputs[kX].rank();
  if (axis < -rank || axis >= rank) {
    throw_value(args.label, "axis", std::to_string(axis), "an axis of x " + args.inputs[kX].shape().to_string());
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Shape without_axis(const Shape& shape, int axis) {
  std::array<std::int64_t, kMaxRank> sizes{};
  int rank = 0;
  for (int i = 0; i < shape.rank(); ++i) {
    if (i != axis) sizes[static_cast<std::size_t>(rank++)] = shape[i];
  }
  return Shape(std::span(sizes.data(), static_cast<std::size_t>(rank)));
}

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_dtype(args.label, "x", x, DType::float32);
  const int axis = reduced_axis(args);
  if (args.has(kLengths)) {
    if (axis != kTimeAxis) {
      throw_value(args.label, "axis", std::to_string(axis), "1 (time), since lengths are given");
    }
    check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {x.size(0)});
  }
  outputs[0] = {DType::float32, without_axis(x.shape(), axis)};
}

std::int64_t product(const std::int64_t* begin, const std::int64_t* end) {
  std::int64_t count = 1;
  for (const std::int64_t* size = begin; size != end; ++size) count *= *size;
  return count;
}

/// Calls reduce(outer, first column, columns, y) for x seen as [outer, size, inner], in parallel. Columns are cut into
/// blocks; a column's result does not depend on its block.
template <typename Reduce>
void for_each_block(OpCall& call, std::int64_t outer, std::int64_t size, std::int64_t inner, Reduce reduce) {
  float* y = call.outputs[0].mutable_data<float>();
  const std::int64_t blocks = (inner + kColumnsPerBlock - 1) / kColumnsPerBlock;
  const std::int64_t values = std::max<std::int64_t>(size * std::min(inner, kColumnsPerBlock), 1);
  parallel_for(outer * blocks, kValuesPerChunk / values + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t row = item / blocks, first = item % blocks * kColumnsPerBlock;
      reduce(row, first, std::min(kColumnsPerBlock, inner - first), y + row * inner + first);
    }
  });
}

void reduce(OpCall& call, Kernel of_row, Kernel of_columns, bool mean) {
  const Tensor& x = call.inputs[kX];
  const int axis = reduced_axis(call);
  const std::int64_t size = x.size(axis), inner = product(x.shape().begin() + axis + 1, x.shape().end());
  const std::int64_t outer = product(x.shape().begin(), x.shape().begin() + axis);
  if (call.has(kLengths)) check_lengths(call.label, call.inputs[kLengths], x.size(0), size);
  const std::int64_t* lengths = call.has(kLengths) ? call.inputs[kLengths].data<std::int64_t>() : nullptr;
  const float* in = x.data<float>();
  const Kernel kernel = inner == 1 ? of_row : of_columns;
  for_each_block(call, outer, size, inner, [&](std::int64_t row, std::int64_t first, std::int64_t columns, float* y) {
    const std::int64_t count = lengths != nullptr ? lengths[row] : size;
    const ReduceF32 block{
        .size = count, .columns = columns, .stride = inner, .x = in + row * size * inner + first, .y = y};
    kernel(&block);
    if (!mean || count == 0) return;
    for (std::int64_t i = 0; i < columns; ++i) y[i] /= static_cast<float>(count);
  });
}

void forward_sum(OpCall& call) {
  reduce(call, kernels().sum_row_f32, kernels().sum_columns_f32, false);
}
void forward_mean(OpCall& call) {
  reduce(call, kernels().sum_row_f32, kernels().sum_columns_f32, true);
}
void forward_max(OpCall& call) {
  reduce(call, kernels().max_row_f32, kernels().max_columns_f32, false);
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return {static_cast<double>(args.inputs[kX].num_elements()), bytes_moved(args, outputs)};
}

OpDef reduction_op(std::string_view name, void (*forward)(OpCall&)) {
  return {.name = name,
          .inputs = {{"x"}, {"lengths", InputKind::optional}},
          .attrs = {{"axis", std::int64_t{-1}}},
          .outputs = {{"y"}},
          .infer = infer,
          .forward = forward,
          .cost = cost};
}

}  // namespace

void add_reduction_ops(std::vector<OpDef>& ops) {
  ops.push_back(reduction_op("sum", forward_sum));
  ops.push_back(reduction_op("mean", forward_mean));
  ops.push_back(reduction_op("max", forward_max));
}

}  // namespace pyseq
