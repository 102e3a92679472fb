// sum, mean and max over one axis; over time with lengths, of the valid steps alone. What has nothing to reduce gives 0
// (sum, mean) or -inf (max).
#include <algorithm>
#include <array>

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

/// x as the reduction sees it: [outer, size, inner], of which row r has count(r) steps.
struct View {
  std::int64_t outer, size, inner;
  const std::int64_t* lengths;  // or null: all steps

  std::int64_t count(std::int64_t row) const { return lengths != nullptr ? lengths[row] : size; }
};

View view_of(const OpArgs& args) {
  const Shape& x = args.inputs[kX].shape();
  const int axis = reduced_axis(args);
  return {product(x.begin(), x.begin() + axis), x[axis], product(x.begin() + axis + 1, x.end()),
          args.has(kLengths) ? args.inputs[kLengths].data<std::int64_t>() : nullptr};
}

/// Calls visit(row, first column, columns) for all of [outer, inner], in parallel. Columns are cut into blocks; a
/// column's result does not depend on its block.
template <typename Visit>
void for_each_block(const View& view, Visit visit) {
  const std::int64_t inner = view.inner;
  const std::int64_t blocks = (inner + kColumnsPerBlock - 1) / kColumnsPerBlock;
  const std::int64_t values = std::max<std::int64_t>(view.size * std::min(inner, kColumnsPerBlock), 1);
  parallel_for(view.outer * blocks, kValuesPerChunk / values + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t row = item / blocks, first = item % blocks * kColumnsPerBlock;
      visit(row, first, std::min(kColumnsPerBlock, inner - first));
    }
  });
}

void reduce(OpCall& call, Kernel of_row, Kernel of_columns, bool mean) {
  const Tensor& x = call.inputs[kX];
  const View view = view_of(call);
  if (call.has(kLengths)) check_lengths(call.label, call.inputs[kLengths], x.size(0), view.size);
  const float* in = x.data<float>();
  float* out = call.outputs[0].mutable_data<float>();
  const Kernel kernel = view.inner == 1 ? of_row : of_columns;
  for_each_block(view, [&](std::int64_t row, std::int64_t first, std::int64_t columns) {
    const std::int64_t count = view.count(row);
    float* y = out + row * view.inner + first;
    const ReduceF32 block{.size = count,
                          .columns = columns,
                          .stride = view.inner,
                          .x = in + row * view.size * view.inner + first,
                          .y = y};
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

// ---- their vjps: steps that were not reduced get zeros

/// Zeros for the steps of row `row` that do not count.
void zero_beyond_count(const View& view, std::int64_t row, std::int64_t first, std::int64_t columns, float* dx) {
  for (std::int64_t step = view.count(row); step < view.size; ++step) {
    std::fill_n(dx + (row * view.size + step) * view.inner + first, columns, 0.0F);
  }
}

/// dx = dy, or dy over the number of steps, at every step.
template <bool mean>
void vjp_sum(VjpCall& call) {
  const View view = view_of(call);
  const float* gradient = call.grad_outputs[0].data<float>();
  float* dx = call.grad_inputs[kX].mutable_data<float>();
  for_each_block(view, [&](std::int64_t row, std::int64_t first, std::int64_t columns) {
    const std::int64_t count = view.count(row);
    std::array<float, kColumnsPerBlock> dy;
    std::copy_n(gradient + row * view.inner + first, columns, dy.begin());
    if (mean && count > 0) {
      for (std::int64_t i = 0; i < columns; ++i) dy[static_cast<std::size_t>(i)] /= static_cast<float>(count);
    }
    float* to = dx + row * view.size * view.inner + first;
    if (view.inner == 1) std::fill_n(to, count, dy[0]);
    for (std::int64_t step = 0; step < count && view.inner > 1; ++step) {
      std::copy_n(dy.begin(), columns, to + step * view.inner);
    }
    zero_beyond_count(view, row, first, columns, dx);
  });
}

void vjp_max(VjpCall& call) {
  const View view = view_of(call);
  const float* x = call.inputs[kX].data<float>();
  const float* y = call.outputs[0].data<float>();
  const float* dy = call.grad_outputs[0].data<float>();
  float* dx = call.grad_inputs[kX].mutable_data<float>();
  const auto kernel = view.inner == 1 ? kernels().max_row_gradient_f32 : kernels().max_columns_gradient_f32;
  for_each_block(view, [&](std::int64_t row, std::int64_t first, std::int64_t columns) {
    const std::int64_t at = row * view.size * view.inner + first, result = row * view.inner + first;
    const MaxGradientF32 block{.size = view.count(row),
                               .columns = columns,
                               .stride = view.inner,
                               .x = x + at,
                               .y = y + result,
                               .dy = dy + result,
                               .dx = dx + at};
    kernel(&block);
    zero_beyond_count(view, row, first, columns, dx);
  });
}

OpDef reduction_op(std::string_view name, void (*forward)(OpCall&), void (*vjp)(VjpCall&), VjpReads reads) {
  return {.name = name,
          .inputs = {{"x"}, {"lengths", InputKind::optional}},
          .attrs = {{"axis", std::int64_t{-1}}},
          .outputs = {{"y"}},
          .infer = infer,
          .forward = forward,
          .cost = cost,
          .vjp = vjp,
          .vjp_reads = reads,
          .differentiable = VjpReads::bits({kX})};
}

}  // namespace

void add_reduction_ops(std::vector<OpDef>& ops) {
  const VjpReads lengths{VjpReads::bits({kLengths})};
  ops.push_back(reduction_op("sum", forward_sum, vjp_sum<false>, lengths));
  ops.push_back(reduction_op("mean", forward_mean, vjp_sum<true>, lengths));
  ops.push_back(reduction_op("max", forward_max, vjp_max, {VjpReads::bits({kX, kLengths}), VjpReads::bits({0})}));
}

}  // namespace pyseq
