// max_pool1d, mean_pool1d, max_pool2d, mean_pool2d: the largest value or the mean of every channel in windows.
#include <algorithm>

#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/window_attributes.h"

namespace pyseq {
namespace {

enum Input { kX, kLengths };
enum Attribute { kKernel, kStride, kPadding, kCountPadding };  // the last one of mean pooling only
enum Output { kY, kYLengths };

enum class Pooling { largest, mean };

void check_pool_axis(const OpArgs& args, const WindowAxis& axis) {
  check_axis(args.label, axis);
  for (const std::int64_t padding : {axis.before, axis.after}) {
    if (padding < axis.kernel) continue;
    throw_value(args.label, "padding", std::to_string(padding),
                "less than the kernel, " + std::to_string(axis.kernel) + ": every window sees some of x");
  }
}

/// A stride of 0 stands for the kernel: windows that do not overlap.
WindowAxis axis_of(std::int64_t kernel, std::int64_t stride, std::int64_t before, std::int64_t after) {
  return {.kernel = kernel, .stride = stride == 0 ? kernel : stride, .before = before, .after = after};
}

/// All windows of the grid; `divides_by_kernel`: a mean counts padding as zeros.
template <Pooling pooling>
void pool(const WindowGrid& grid, bool divides_by_kernel, float* y, const RunLimits& limits) {
  if (grid.channels == 0) return;
  const auto kernel = static_cast<float>(grid.vertical.kernel * grid.horizontal.kernel);
  const std::int64_t width = grid.out_width(), height = grid.out_height();
  for_each_window(grid, limits, [&](std::int64_t row, std::int64_t line, const WindowRun& run) {
    const auto seen = static_cast<float>(run.taps.empty() ? 1 : run.taps.size());
    const PoolF32 args{.windows = run.for_kernel(grid),
                       .divisor = divides_by_kernel ? kernel : seen,
                       .y = y + ((row * height + line) * width + run.first) * grid.channels};
    pooling == Pooling::largest ? kernels().max_pool_f32(&args) : kernels().mean_pool_f32(&args);
  });
  zero_beyond_widths(grid, grid.channels, y);
}

constexpr std::int64_t kChannelBlock = 64;  // of one task of a gradient

/// One row of the batch.
WindowGrid row_of(const WindowGrid& grid, std::int64_t row) {
  WindowGrid one = grid;
  one.batch = 1;
  one.x = grid.at(row, 0, 0);
  if (grid.widths != nullptr) one.widths = grid.widths + row;
  return one;
}

/// dx of the grid's values. A task owns some channels of a row of the batch and walks over its windows.
template <Pooling pooling>
void pool_gradient(WindowGrid grid, bool divides_by_kernel, const Tensor& y, const Tensor& dy, Tensor& dx,
                   const RunLimits& limits) {
  const auto kernel = static_cast<float>(grid.vertical.kernel * grid.horizontal.kernel);
  const std::int64_t width = grid.out_width(), height = grid.out_height(), channels = grid.channels;
  const std::int64_t blocks = (channels + kChannelBlock - 1) / kChannelBlock;
  const float* largest = pooling == Pooling::largest ? y.data<float>() : nullptr;
  const float* gradient = dy.data<float>();
  float* out = dx.mutable_data<float>();
  std::fill_n(out, dx.num_elements(), 0.0F);
  if (pooling == Pooling::mean) grid.x = out;  // what was averaged is not there, and not read
  parallel_for(grid.batch * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t row = task / blocks, channel = task % blocks * kChannelBlock;
      walk_over_windows(row_of(grid, row), limits, [&](std::int64_t, std::int64_t line, const WindowRun& run) {
        const auto seen = static_cast<float>(run.taps.empty() ? 1 : run.taps.size());
        const std::int64_t at = ((row * height + line) * width + run.first) * channels;
        const PoolGradientF32 args{.windows = run.for_kernel(grid),
                                   .first_channel = channel,
                                   .last_channel = std::min(channel + kChannelBlock, channels),
                                   .divisor = divides_by_kernel ? kernel : seen,
                                   .y = largest == nullptr ? nullptr : largest + at,
                                   .dy = gradient + at,
                                   .x = grid.x,
                                   .dx = out};
        pooling == Pooling::largest ? kernels().max_pool_gradient_f32(&args) : kernels().mean_pool_gradient_f32(&args);
      });
    }
  });
}

template <Pooling pooling>
bool counts_padding(const OpArgs& args) {
  if constexpr (pooling == Pooling::mean) return args.attrs.flag(kCountPadding);
  return false;
}

// ---- along time

WindowAxis line_axis(const OpArgs& args) {
  const std::vector<std::int64_t>& padding = integers_of(args, "padding", kPadding, 2);
  return axis_of(args.attrs.integer(kKernel), args.attrs.integer(kStride), padding[0], padding[1]);
}

void infer_line(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_tensor(args.label, "x", x, DType::float32, {-1, -1, -1});
  if (args.has(kLengths)) {
    check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {x.size(0)},
                 "batch of x " + x.shape().to_string());
  }
  const WindowAxis axis = line_axis(args);
  check_pool_axis(args, axis);
  outputs[kY] = {DType::float32, {x.size(0), axis.count(x.size(1)), x.size(2)}};
  outputs[kYLengths] = {DType::int64, {x.size(0)}};
}

WindowGrid line_of(const OpArgs& args) {
  const Tensor& x = args.inputs[kX];
  WindowGrid grid{.batch = x.size(0),
                  .width = x.size(1),
                  .channels = x.size(2),
                  .vertical = {},
                  .horizontal = line_axis(args),
                  .x = x.data<float>()};
  if (args.has(kLengths)) {
    check_lengths(args.label, args.inputs[kLengths], grid.batch, grid.width);
    grid.widths = args.inputs[kLengths].data<std::int64_t>();
  }
  return grid;
}

template <Pooling pooling>
void forward_line(OpCall& call) {
  const WindowGrid grid = line_of(call);
  pool<pooling>(grid, counts_padding<pooling>(call), call.outputs[kY].mutable_data<float>(), call.limits);
  if (call.outputs[kYLengths].defined()) write_out_widths(grid, call.outputs[kYLengths]);
}

template <Pooling pooling>
void vjp_line(VjpCall& call) {
  pool_gradient<pooling>(line_of(call), counts_padding<pooling>(call), call.outputs[kY], call.grad_outputs[kY],
                         call.grad_inputs[kX], call.limits);
}

OpCost cost_line(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, static_cast<double>(args.attrs.integer(kKernel)));
}

// ---- over planes

struct PlaneAxes {
  WindowAxis vertical, horizontal;
};
PlaneAxes plane_axes(const OpArgs& args) {
  const std::vector<std::int64_t>& kernel = integers_of(args, "kernel", kKernel, 2);
  const std::vector<std::int64_t>& stride = integers_of(args, "stride", kStride, 2);
  const std::vector<std::int64_t>& padding = integers_of(args, "padding", kPadding, 4);
  return {axis_of(kernel[0], stride[0], padding[0], padding[1]), axis_of(kernel[1], stride[1], padding[2], padding[3])};
}

void infer_plane(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_tensor(args.label, "x", x, DType::float32, {-1, -1, -1, -1});
  const auto [vertical, horizontal] = plane_axes(args);
  check_pool_axis(args, vertical);
  check_pool_axis(args, horizontal);
  outputs[kY] = {DType::float32, {x.size(0), vertical.count(x.size(1)), horizontal.count(x.size(2)), x.size(3)}};
}

WindowGrid plane_of(const OpArgs& args) {
  const Tensor& x = args.inputs[kX];
  const auto [vertical, horizontal] = plane_axes(args);
  return {.batch = x.size(0),
          .height = x.size(1),
          .width = x.size(2),
          .channels = x.size(3),
          .vertical = vertical,
          .horizontal = horizontal,
          .x = x.data<float>()};
}

template <Pooling pooling>
void forward_plane(OpCall& call) {
  pool<pooling>(plane_of(call), counts_padding<pooling>(call), call.outputs[kY].mutable_data<float>(), call.limits);
}

template <Pooling pooling>
void vjp_plane(VjpCall& call) {
  pool_gradient<pooling>(plane_of(call), counts_padding<pooling>(call), call.outputs[kY], call.grad_outputs[kY],
                         call.grad_inputs[kX], call.limits);
}

OpCost cost_plane(const OpArgs& args, std::span<const TensorType> outputs) {
  const auto [vertical, horizontal] = plane_axes(args);
  return elementwise_cost(args, outputs, static_cast<double>(vertical.kernel * horizontal.kernel));
}

// ---- registration

template <Pooling pooling>
void add_pools(std::vector<OpDef>& ops, std::string_view line_name, std::string_view plane_name) {
  using Integers = std::vector<std::int64_t>;
  // Means know no values; maxima are found again by comparing with y.
  VjpReads reads{VjpReads::bits({kLengths})};
  if (pooling == Pooling::largest) reads = {VjpReads::bits({kX, kLengths}), VjpReads::bits({kY})};
  OpDef line{.name = line_name,
             .inputs = {{"x"}, {"lengths", InputKind::optional}},
             .attrs = {{.name = "kernel", .default_value = std::int64_t{0}, .required = true},
                       {"stride", std::int64_t{0}},
                       {"padding", Integers{0, 0}}},
             .outputs = {{"y"}, {"y_lengths", true}},
             .infer = infer_line,
             .forward = forward_line<pooling>,
             .cost = cost_line,
             .vjp = vjp_line<pooling>,
             .vjp_reads = reads,
             .differentiable = VjpReads::bits({kX})};
  OpDef plane{.name = plane_name,
              .inputs = {{"x"}},
              .attrs = {{.name = "kernel", .default_value = Integers{}, .required = true},
                        {"stride", Integers{0, 0}},
                        {"padding", Integers{0, 0, 0, 0}}},
              .outputs = {{"y"}},
              .infer = infer_plane,
              .forward = forward_plane<pooling>,
              .cost = cost_plane,
              .vjp = vjp_plane<pooling>,
              .vjp_reads = reads,
              .differentiable = VjpReads::bits({kX})};
  if (pooling == Pooling::mean) {
    for (OpDef* op : {&line, &plane}) op->attrs.push_back({"count_padding", false});
  }
  ops.push_back(std::move(line));
  ops.push_back(std::move(plane));
}

}  // namespace

void add_pooling_ops(std::vector<OpDef>& ops) {
  add_pools<Pooling::largest>(ops, "max_pool1d", "max_pool2d");
  add_pools<Pooling::mean>(ops, "mean_pool1d", "mean_pool2d");
}

}  // namespace pyseq
