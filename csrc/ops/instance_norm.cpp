// instance_norm: y = (x - mean) / sqrt(variance + epsilon) * weight + bias, with the mean and the variance of each
// channel over the valid steps of its own row. A task owns some channels of a row: sums of every 256 steps in float32,
// put together in ascending order in float64, as in batch_norm.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"

namespace pyseq {
namespace {

enum Input { kX, kWeight, kBias, kLengths };
enum Attribute { kEpsilon };
enum Output { kY, kMean, kVariance };

constexpr std::int64_t kStepsPerPart = 256;
constexpr std::int64_t kColumnsPerBlock = 64;
constexpr std::int64_t kValuesPerTask = 16384;

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_tensor(args.label, "x", x, DType::float32, {-1, -1, -1});
  const std::string because = "last dimension of x " + x.shape().to_string();
  for (const auto& [input, name] : {std::pair{kWeight, "weight"}, std::pair{kBias, "bias"}}) {
    if (args.has(input)) check_tensor(args.label, name, args.inputs[input], DType::float32, {x.size(2)}, because);
  }
  if (args.has(kLengths)) {
    check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {x.size(0)},
                 "batch of x " + x.shape().to_string());
  }
  const double epsilon = args.attrs.real(kEpsilon);
  if (!std::isfinite(epsilon) || epsilon < 0) {
    throw_value(args.label, "epsilon", std::to_string(epsilon), "a finite number, zero or more");
  }
  outputs[kY] = {DType::float32, x.shape()};
  outputs[kMean] = outputs[kVariance] = {DType::float32, {x.size(0), x.size(2)}};
}

/// Sizes of x, and the valid steps of its rows.
struct Sequences {
  explicit Sequences(const OpArgs& args)
      : batch(args.inputs[kX].size(0)),
        time(args.inputs[kX].size(1)),
        channels(args.inputs[kX].size(2)),
        lengths(args.has(kLengths) ? args.inputs[kLengths].data<std::int64_t>() : nullptr) {}

  std::int64_t valid(std::int64_t row) const { return lengths == nullptr ? time : lengths[row]; }

  std::int64_t batch, time, channels;
  const std::int64_t* lengths;
};

/// Some channels of one row.
struct Columns {
  std::int64_t row, first, count;
};

/// each(columns) for all channels of all rows, on all threads.
template <typename Each>
void for_columns(const Sequences& all, Each each) {
  const std::int64_t blocks = (all.channels + kColumnsPerBlock - 1) / kColumnsPerBlock;
  const std::int64_t values = all.time * std::min(all.channels, kColumnsPerBlock);
  parallel_for(all.batch * blocks, kValuesPerTask / (values + 1) + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task % blocks * kColumnsPerBlock;
      each(Columns{task / blocks, first, std::min(kColumnsPerBlock, all.channels - first)});
    }
  });
}

/// Mean and (biased) variance of some channels; zeros without valid steps.
void statistics(const Sequences& all, const float* x, const Columns& columns, float* mean, float* variance) {
  const std::int64_t valid = all.valid(columns.row), parts = (valid + kStepsPerPart - 1) / kStepsPerPart;
  std::vector<float> sums(static_cast<std::size_t>(2 * parts * columns.count));
  float* squares = sums.data() + parts * columns.count;
  float own_mean[kColumnsPerBlock];
  const float* first = x + columns.row * all.time * all.channels + columns.first;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t begin = part * kStepsPerPart, steps = std::min(kStepsPerPart, valid - begin);
    float* part_sums = sums.data() + part * columns.count;
    AccumulateF32 block{.rows = steps,
                        .columns = columns.count,
                        .stride = all.channels,
                        .x = first + begin * all.channels,
                        .mean = nullptr,
                        .sums = part_sums};
    kernels().accumulate_f32(&block);
    for (std::int64_t i = 0; i < columns.count; ++i) own_mean[i] = part_sums[i] / static_cast<float>(steps);
    block.mean = own_mean;
    block.sums = squares + part * columns.count;
    kernels().accumulate_squares_f32(&block);
  }
  for (std::int64_t i = 0; i < columns.count; ++i) {
    double sum = 0.0, deviations = 0.0;
    for (std::int64_t part = 0; part < parts; ++part) sum += sums[static_cast<std::size_t>(part * columns.count + i)];
    const double whole_mean = valid > 0 ? sum / static_cast<double>(valid) : 0.0;
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t steps = std::min(kStepsPerPart, valid - part * kStepsPerPart), at = part * columns.count + i;
      const double offset = sums[static_cast<std::size_t>(at)] / static_cast<float>(steps) - whole_mean;
      deviations += squares[at] + static_cast<double>(steps) * offset * offset;
    }
    mean[i] = static_cast<float>(whole_mean);
    variance[i] = valid > 0 ? static_cast<float>(deviations / static_cast<double>(valid)) : 0.0F;
  }
}

/// y = (x - mean) * scale + shift of every row, with mean and scale of its own; zeros beyond its length.
void normalise(const Sequences& all, const float* x, const float* mean, const float* scale, const float* shift,
               float* y) {
  const std::int64_t pieces = (all.time + kStepsPerPart - 1) / kStepsPerPart;
  parallel_for(all.batch * pieces, kValuesPerTask / (kStepsPerPart * all.channels) + 1,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t task = first; task < last; ++task) {
                   const std::int64_t row = task / pieces, begin = task % pieces * kStepsPerPart;
                   const std::int64_t end = std::min(begin + kStepsPerPart, all.time);
                   const std::int64_t valid = std::clamp(all.valid(row), begin, end);
                   const std::int64_t at = (row * all.time + begin) * all.channels;
                   const ScaleColumnsF32 block{.rows = valid - begin,
                                               .columns = all.channels,
                                               .x = x + at,
                                               .mean = mean + row * all.channels,
                                               .scale = scale + row * all.channels,
                                               .shift = shift,
                                               .y = y + at};
                   kernels().scale_columns_f32(&block);
                   std::fill_n(y + at + (valid - begin) * all.channels, (end - valid) * all.channels, 0.0F);
                 }
               });
}

float* output_or_scratch(OpCall& call, Output output, std::int64_t count) {
  Tensor& tensor = call.outputs[output];
  return tensor.defined() ? tensor.mutable_data<float>() : call.scratch.allocate<float>(count);
}

void forward(OpCall& call) {
  const Tensor& x = call.inputs[kX];
  if (call.has(kLengths)) check_lengths(call.label, call.inputs[kLengths], x.size(0), x.size(1));
  const Sequences all(call);
  const std::int64_t count = all.batch * all.channels;
  float* mean = output_or_scratch(call, kMean, count);
  float* variance = output_or_scratch(call, kVariance, count);
  if (all.channels == 0) return;
  for_columns(all, [&](const Columns& columns) {
    const std::int64_t at = columns.row * all.channels + columns.first;
    statistics(all, x.data<float>(), columns, mean + at, variance + at);
  });
  float* scale = call.scratch.allocate<float>(count);
  float* shift = call.scratch.allocate<float>(all.channels);
  const double epsilon = call.attrs.real(kEpsilon);
  for (std::int64_t i = 0; i < count; ++i) {
    const double weight = call.has(kWeight) ? call.inputs[kWeight].data<float>()[i % all.channels] : 1.0;
    scale[i] = static_cast<float>(weight / std::sqrt(variance[i] + epsilon));
  }
  for (std::int64_t i = 0; i < all.channels; ++i) {
    shift[i] = call.has(kBias) ? call.inputs[kBias].data<float>()[i] : 0.0F;
  }
  normalise(all, x.data<float>(), mean, scale, shift, call.outputs[kY].mutable_data<float>());
}

// ---- vjp, with n valid steps and x̂ = (x - mean) / s, s = sqrt(variance + epsilon): of every row b = Σ dy and
// w = Σ dy x̂; dbias and dweight are their sums over rows, dx = weight / s (dy - (b + x̂ w) / n)

/// Where the gradients of some channels of a row come from and go to.
struct ColumnGradients {
  const float* x;
  const float* dy;
  float* dx;  // or null
  float mean, inverse_deviation, weight;
};

/// Of one channel of a row: b, w, and dx when it is wanted.
std::pair<double, double> channel_gradient(const Sequences& all, std::int64_t valid, const ColumnGradients& of) {
  double sum = 0.0, product = 0.0;
  const auto standard = [&](std::int64_t at) { return (of.x[at] - of.mean) * of.inverse_deviation; };
  for (std::int64_t t = 0; t < valid; ++t) {
    const std::int64_t at = t * all.channels;
    sum += of.dy[at];
    product += double{of.dy[at]} * standard(at);
  }
  if (of.dx == nullptr) return {sum, product};
  const auto n = static_cast<double>(valid);
  for (std::int64_t t = 0; t < all.time; ++t) {
    const std::int64_t at = t * all.channels;
    const double change = t < valid ? of.dy[at] - (sum + standard(at) * product) / n : 0.0;
    of.dx[at] = static_cast<float>(of.weight * of.inverse_deviation * change);
  }
  return {sum, product};
}

void vjp(VjpCall& call) {
  const Sequences all(call);
  if (all.channels == 0) return;
  const float* x = call.inputs[kX].data<float>();
  const float* dy = call.grad_outputs[kY].data<float>();
  const float* mean = call.outputs[kMean].data<float>();
  const float* variance = call.outputs[kVariance].data<float>();
  float* dx = call.wants(kX) ? call.grad_inputs[kX].mutable_data<float>() : nullptr;
  float* sums = call.scratch.allocate<float>(all.batch * all.channels);
  float* products = call.scratch.allocate<float>(all.batch * all.channels);
  for_columns(all, [&](const Columns& columns) {
    for (std::int64_t channel = columns.first; channel < columns.first + columns.count; ++channel) {
      const std::int64_t at = columns.row * all.channels + channel,
                         first = columns.row * all.time * all.channels + channel;
      const std::pair<double, double> found = channel_gradient(
          all, all.valid(columns.row),
          {.x = x + first,
           .dy = dy + first,
           .dx = dx == nullptr ? nullptr : dx + first,
           .mean = mean[at],
           .inverse_deviation = static_cast<float>(1.0 / std::sqrt(variance[at] + call.attrs.real(kEpsilon))),
           .weight = call.has(kWeight) ? call.inputs[kWeight].data<float>()[channel] : 1.0F});
      sums[at] = static_cast<float>(found.first);
      products[at] = static_cast<float>(found.second);
    }
  });
  const auto add_up = [&](Input input, const float* rows) {
    if (!call.wants(input)) return;
    sum_rows(rows, all.batch, all.channels, call.grad_inputs[input].mutable_data<float>(), call.scratch);
  };
  add_up(kBias, sums);
  add_up(kWeight, products);
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, 7);
}

constexpr InputKind kOptional = InputKind::optional;

}  // namespace

void add_instance_norm_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "instance_norm",
                 .inputs = {{"x"}, {"weight", kOptional}, {"bias", kOptional}, {"lengths", kOptional}},
                 .attrs = {{"epsilon", 1e-5}},
                 .outputs = {{"y"},
                             {.name = "mean", .optional = true, .differentiable = false},
                             {.name = "variance", .optional = true, .differentiable = false}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost,
                 .vjp = vjp,
                 .vjp_reads = {VjpReads::bits({kX, kWeight, kLengths}), VjpReads::bits({kMean, kVariance})},
                 .differentiable = VjpReads::bits({kX, kWeight, kBias})});
}

}  // namespace pyseq
