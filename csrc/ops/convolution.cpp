// conv1d and conv2d: y = activation(sum over taps and channels of weight * x + bias), channels last.
#include <algorithm>
#include <functional>

#include "ops/activations.h"
#include "ops/checks.h"
#include "ops/convolution_gradient.h"
#include "ops/convolve.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"
#include "ops/window_attributes.h"

namespace pyseq {
namespace {

enum Input { kX, kWeight, kBias, kLengths, kCarry };
enum Attribute { kStride, kPadding, kDilation, kGroups, kActivation };
enum Output { kY, kNextCarry, kYLengths };

Activation activation_of(const OpArgs& args) {
  return parse_activation(args.label, "activation", args.attrs.text(kActivation));
}

/// [out, in / groups, taps...] for x [..., in].
void check_convolution_weight(const OpArgs& args, int taps) {
  const Tensor &x = args.inputs[kX], &weight = args.inputs[kWeight];
  if (!weight.is_packed()) check_dtype(args.label, "weight", weight, DType::float32);
  check_rank(args.label, "weight", weight, 2 + taps);
  const std::int64_t groups = args.attrs.integer(kGroups), in = x.size(-1), out = weight.size(0);
  if (groups < 1 || in % groups != 0 || out % groups != 0) {
    throw_value(args.label, "groups", std::to_string(groups),
                "a divisor of " + std::to_string(in) + " (last dimension of x) and of " + std::to_string(out) +
                    " (first dimension of weight)");
  }
  if (weight.size(1) != in / groups) {
    throw_shape(args.label, "weight", "shape " + weight.shape().to_string(),
                std::to_string(in / groups) + " in dimension 1 (last dimension of x " + x.shape().to_string() +
                    ", groups " + std::to_string(groups) + ")");
  }
  if (args.has(kBias)) {
    check_tensor(args.label, "bias", args.inputs[kBias], DType::float32, {out},
                 "first dimension of weight " + weight.shape().to_string());
  }
  activation_of(args);
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  const Shape& weight = args.inputs[kWeight].shape();
  const double depth = static_cast<double>(weight.num_elements()) / std::max(1.0, static_cast<double>(weight[0]));
  return elementwise_cost(args, outputs, 2 * depth);
}

// ---- conv1d

WindowAxis axis_of(const OpArgs& args) {
  const std::vector<std::int64_t>& padding = integers_of(args, "padding", kPadding, 2);
  return {.kernel = args.inputs[kWeight].size(2),
          .stride = args.attrs.integer(kStride),
          .dilation = args.attrs.integer(kDilation),
          .before = padding[0],
          .after = padding[1]};
}

void infer_conv1d(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_tensor(args.label, "x", x, DType::float32, {-1, -1, -1});
  check_convolution_weight(args, 1);
  const WindowAxis axis = axis_of(args);
  check_axis(args.label, axis);
  const std::int64_t batch = x.size(0), in = x.size(2);
  const std::string batch_of_x = "batch of x " + x.shape().to_string();
  if (args.has(kLengths)) check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {batch}, batch_of_x);
  std::int64_t time = x.size(1);
  if (args.has(kCarry)) {
    check_tensor(args.label, "carry", args.inputs[kCarry], DType::float32, {batch, axis.reach(), in},
                 "batch of x, (kernel - 1) * dilation, last dimension of x");
    if (axis.before != 0 || axis.after != 0) {
      throw_value(args.label, "padding", "[" + std::to_string(axis.before) + ", " + std::to_string(axis.after) + "]",
                  "[0, 0] beside carry, which stands before x");
    }
    time += axis.reach();
  }
  outputs[kY] = {DType::float32, {batch, axis.count(time), args.inputs[kWeight].size(0)}};
  outputs[kNextCarry] = {DType::float32, {batch, axis.reach(), in}};
  outputs[kYLengths] = {DType::int64, {batch}};
}

/// x with the carried frames before it: [batch, reach + time, in].
void join_carry(const OpArgs& call, WindowGrid& grid, Arena& scratch) {
  const Tensor& carry = call.inputs[kCarry];
  const std::int64_t before = carry.size(1) * grid.channels, frames = grid.width * grid.channels;
  float* joined = scratch.allocate<float>(grid.batch * (before + frames));
  for (std::int64_t row = 0; row < grid.batch; ++row) {
    float* to = joined + row * (before + frames);
    std::copy_n(carry.data<float>() + row * before, before, to);
    std::copy_n(grid.x + row * frames, frames, to + before);
  }
  grid.x = joined;
  grid.width += carry.size(1);
  if (grid.widths == nullptr) return;
  auto* widths = scratch.allocate<std::int64_t>(grid.batch);
  for (std::int64_t row = 0; row < grid.batch; ++row) widths[row] = grid.widths[row] + carry.size(1);
  grid.widths = widths;
}

/// The last frames of every row, as many as windows reach back; zeros where there were not so many.
void write_carry(const WindowGrid& grid, Tensor& carry) {
  const std::int64_t reach = carry.size(1);
  for (std::int64_t row = 0; row < grid.batch; ++row) {
    float* to = carry.mutable_data<float>() + row * reach * grid.channels;
    const std::int64_t there = std::min(reach, grid.width_of(row));
    std::fill_n(to, (reach - there) * grid.channels, 0.0f);
    std::copy_n(grid.at(row, 0, grid.width_of(row) - there), there * grid.channels,
                to + (reach - there) * grid.channels);
  }
}

/// x as windows see it, with the frames that are carried.
WindowGrid line_of(const OpArgs& args, Arena& scratch) {
  const Tensor& x = args.inputs[kX];
  WindowGrid grid{.batch = x.size(0),
                  .width = x.size(1),
                  .channels = x.size(2),
                  .vertical = {},
                  .horizontal = axis_of(args),
                  .x = x.data<float>()};
  if (args.has(kLengths)) {
    check_lengths(args.label, args.inputs[kLengths], grid.batch, grid.width);
    grid.widths = args.inputs[kLengths].data<std::int64_t>();
  }
  if (args.has(kCarry)) join_carry(args, grid, scratch);
  return grid;
}

void forward_conv1d(OpCall& call) {
  const WindowGrid grid = line_of(call, call.scratch);
  convolve({.grid = grid,
            .groups = call.attrs.integer(kGroups),
            .weight = call.inputs[kWeight],
            .bias = call.has(kBias) ? call.inputs[kBias].data<float>() : nullptr,
            .activation = activation_of(call),
            .y = call.outputs[kY].mutable_data<float>()},
           call.scratch, call.limits);
  if (call.outputs[kNextCarry].defined()) write_carry(grid, call.outputs[kNextCarry]);
  if (call.outputs[kYLengths].defined()) write_out_widths(grid, call.outputs[kYLengths]);
}

// ---- conv2d

struct PlaneAxes {
  WindowAxis vertical, horizontal;
};
PlaneAxes axes_of(const OpArgs& args) {
  const std::vector<std::int64_t>& stride = integers_of(args, "stride", kStride, 2);
  const std::vector<std::int64_t>& padding = integers_of(args, "padding", kPadding, 4);
  const std::vector<std::int64_t>& dilation = integers_of(args, "dilation", kDilation, 2);
  const Shape& weight = args.inputs[kWeight].shape();
  return {{weight[2], stride[0], dilation[0], padding[0], padding[1]},
          {weight[3], stride[1], dilation[1], padding[2], padding[3]}};
}

void infer_conv2d(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_tensor(args.label, "x", x, DType::float32, {-1, -1, -1, -1});
  check_convolution_weight(args, 2);
  const auto [vertical, horizontal] = axes_of(args);
  check_axis(args.label, vertical);
  check_axis(args.label, horizontal);
  outputs[kY] = {DType::float32,
                 {x.size(0), vertical.count(x.size(1)), horizontal.count(x.size(2)), args.inputs[kWeight].size(0)}};
}

WindowGrid plane_of(const OpArgs& args) {
  const Tensor& x = args.inputs[kX];
  const auto [vertical, horizontal] = axes_of(args);
  return {.batch = x.size(0),
          .height = x.size(1),
          .width = x.size(2),
          .channels = x.size(3),
          .vertical = vertical,
          .horizontal = horizontal,
          .x = x.data<float>()};
}

void forward_conv2d(OpCall& call) {
  convolve({.grid = plane_of(call),
            .groups = call.attrs.integer(kGroups),
            .weight = call.inputs[kWeight],
            .bias = call.has(kBias) ? call.inputs[kBias].data<float>() : nullptr,
            .activation = activation_of(call),
            .y = call.outputs[kY].mutable_data<float>()},
           call.scratch, call.limits);
}

// ---- vjps

/// dz = f'(z) dy, zero beyond widths. tanh, relu and sigmoid find f' in the output, others need z again.
Tensor gradient_of_sums(VjpCall& call, const WindowGrid& grid) {
  const Tensor& dy = call.grad_outputs[kY];
  const Shape& shape = call.outputs[kY].shape();
  if (!dy.defined()) return Tensor::zeros(DType::float32, shape);
  const Activation activation = activation_of(call);
  Tensor dz = dy;
  if (activation != Activation::none) {
    const bool from_output = has_gradient_from_output(activation);
    Tensor z = call.outputs[kY];
    if (!from_output) {
      z = Tensor::empty(DType::float32, shape);
      convolve({.grid = grid,
                .groups = call.attrs.integer(kGroups),
                .weight = call.inputs[kWeight],
                .bias = call.has(kBias) ? call.inputs[kBias].data<float>() : nullptr,
                .activation = Activation::none,
                .y = z.mutable_data<float>()},
               call.scratch, call.limits);
    }
    dz = Tensor::empty(DType::float32, shape);
    activation_gradient(activation, from_output, z, dy, dz);
  } else if (grid.widths != nullptr) {
    dz = dy.copy();
  }
  if (grid.widths != nullptr) zero_beyond_widths(grid, shape[-1], dz.mutable_data<float>());
  return dz;
}

/// Gradients of weight and bias, and of what the windows see: dx (or null).
void vjp_windows(VjpCall& call, const WindowGrid& grid, float* dx) {
  const Tensor& weight = call.inputs[kWeight];
  if (weight.is_packed()) {
    throw UnsupportedError(std::string(call.label) + ": a packed weight has no gradient, expected a row-major one");
  }
  const Tensor dz = gradient_of_sums(call, grid);
  if (call.wants(kBias)) {
    const std::int64_t out = weight.size(0), rows = out == 0 ? 0 : dz.num_elements() / out;
    sum_rows(dz.data<float>(), rows, out, call.grad_inputs[kBias].mutable_data<float>(), call.scratch);
  }
  if (dx == nullptr && !call.wants(kWeight)) return;
  convolution_gradient({.grid = grid,
                        .groups = call.attrs.integer(kGroups),
                        .weight = weight,
                        .dz = dz.data<float>(),
                        .dx = dx,
                        .dweight = call.wants(kWeight) ? call.grad_inputs[kWeight].mutable_data<float>() : nullptr},
                       call.scratch, call.limits);
}

void vjp_conv2d(VjpCall& call) {
  vjp_windows(call, plane_of(call), call.wants(kX) ? call.grad_inputs[kX].mutable_data<float>() : nullptr);
}

/// The next carry is a copy of the last frames.
void add_carry_gradient(const WindowGrid& grid, const Tensor& dcarry, float* dx) {
  const std::int64_t reach = dcarry.size(1), channels = grid.channels;
  for (std::int64_t row = 0; row < grid.batch; ++row) {
    const std::int64_t there = std::min(reach, grid.width_of(row));
    const float* from = dcarry.data<float>() + ((row + 1) * reach - there) * channels;
    float* to = dx + (row * grid.width + grid.width_of(row) - there) * channels;
    std::transform(from, from + there * channels, to, to, std::plus<float>());
  }
}

/// Frames [first, first + the time of part) of every row of `joined`.
void take_frames(const float* joined, std::int64_t width, std::int64_t first, Tensor& part) {
  const std::int64_t frames = part.size(1), channels = part.size(2);
  for (std::int64_t row = 0; row < part.size(0); ++row) {
    std::copy_n(joined + (row * width + first) * channels, frames * channels,
                part.mutable_data<float>() + row * frames * channels);
  }
}

void vjp_conv1d(VjpCall& call) {
  const WindowGrid grid = line_of(call, call.scratch);
  float* dx = nullptr;
  const bool is_joined = call.has(kCarry);
  if (is_joined && (call.wants(kX) || call.wants(kCarry))) {
    dx = call.scratch.allocate<float>(grid.batch * grid.width * grid.channels);
  } else if (call.wants(kX)) {
    dx = call.grad_inputs[kX].mutable_data<float>();
  }
  vjp_windows(call, grid, dx);
  if (dx == nullptr) return;
  if (call.grad_outputs[kNextCarry].defined()) add_carry_gradient(grid, call.grad_outputs[kNextCarry], dx);
  if (!is_joined) return;
  if (call.wants(kX)) take_frames(dx, grid.width, call.inputs[kCarry].size(1), call.grad_inputs[kX]);
  if (call.wants(kCarry)) take_frames(dx, grid.width, 0, call.grad_inputs[kCarry]);
}

}  // namespace

void add_convolution_ops(std::vector<OpDef>& ops) {
  const AttrDef groups{"groups", std::int64_t{1}}, activation{"activation", std::string("none")};
  const InputDef weight{.name = "weight", .pack_gates = 1};
  ops.push_back({.name = "conv1d",
                 .inputs = {{"x"},
                            weight,
                            {"bias", InputKind::optional},
                            {"lengths", InputKind::optional},
                            {"carry", InputKind::optional}},
                 .attrs = {{"stride", std::int64_t{1}},
                           {"padding", std::vector<std::int64_t>{0, 0}},
                           {"dilation", std::int64_t{1}},
                           groups,
                           activation},
                 .outputs = {{"y"}, {"next_carry", true}, {"y_lengths", true}},
                 .infer = infer_conv1d,
                 .forward = forward_conv1d,
                 .cost = cost,
                 .vjp = vjp_conv1d,
                 .vjp_reads = {VjpReads::bits({kX, kWeight, kBias, kLengths, kCarry}), VjpReads::bits({kY})},
                 .differentiable = VjpReads::bits({kX, kWeight, kBias, kCarry})});
  ops.push_back({.name = "conv2d",
                 .inputs = {{"x"}, weight, {"bias", InputKind::optional}},
                 .attrs = {{"stride", std::vector<std::int64_t>{1, 1}},
                           {"padding", std::vector<std::int64_t>{0, 0, 0, 0}},
                           {"dilation", std::vector<std::int64_t>{1, 1}},
                           groups,
                           activation},
                 .outputs = {{"y"}},
                 .infer = infer_conv2d,
                 .forward = forward_conv2d,
                 .cost = cost,
                 .vjp = vjp_conv2d,
                 .vjp_reads = {VjpReads::bits({kX, kWeight, kBias}), VjpReads::bits({kY})},
                 .differentiable = VjpReads::bits({kX, kWeight, kBias})});
}

}  // namespace pyseq
