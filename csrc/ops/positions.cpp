// sinusoidal_positions and learned_positions: y[b, t] = x[b, t] + row of position start + offset[b] + t.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"
#include "ops/padding.h"
#include "ops/sinusoid_table.h"

namespace pyseq {
namespace {

constexpr std::int64_t kValuesPerChunk = 16384;
/// Far above any sequence, and far below where sums of positions could overflow.
constexpr std::int64_t kMostPositions = std::int64_t{1} << 40;

void check_x(const OpArgs& args) {
  check_tensor(args.label, "x", args.inputs[0], DType::float32, {-1, -1, -1});
}

void check_offset_type(const OpArgs& args, int input) {
  if (!args.has(input)) return;
  check_tensor(args.label, "offset", args.inputs[input], DType::int64, {args.inputs[0].size(0)},
               "batch of x " + args.inputs[0].shape().to_string());
}

void check_start(const OpArgs& args, std::int64_t start) {
  if (start < 0 || start > kMostPositions) {
    throw_value(args.label, "start", std::to_string(start), "a position, zero or more");
  }
}

std::int64_t offset_of(const OpArgs& args, int input, std::int64_t row) {
  return args.has(input) ? args.inputs[input].data<std::int64_t>()[row] : 0;
}

void add_values(const float* a, const float* b, std::int64_t n, float* y) {
  const BinaryF32 sum{.n = n, .period = n, .a = a, .b = b, .y = y};
  kernels().add_f32(&sum);
}

/// Calls fn(row, its first value, its steps) for the rows of x, on several threads when there is enough of it.
template <typename Fn>
void for_each_row(const OpArgs& args, int row_lengths, Fn fn) {
  const Tensor& x = args.inputs[0];
  const RowSteps steps(args, x, row_lengths);
  const std::int64_t width = x.size(2), values = x.size(1) * width;
  if (values == 0) return;
  parallel_for(x.size(0), kValuesPerChunk / values + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) fn(row, steps.first(row) * width, steps.count(row));
  });
}

template <int kRowLengths>
OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  const OpCost whole{static_cast<double>(outputs[0].shape.num_elements()), 3 * bytes_of(outputs[0])};
  return cost_of_packed(args, args.inputs[0], kRowLengths, whole);
}

// ---- sinusoidal_positions

enum SinusoidalAttribute { kStart, kLayout, kBase, kInclusive };
constexpr int kSinusoidalOffset = 1, kSinusoidalRowLengths = 2;

SinusoidLayout layout_of(const OpArgs& args) {
  const std::string& layout = args.attrs.text(kLayout);
  if (layout != "interleaved" && layout != "split") {
    throw_value(args.label, "layout", in_quotes(layout), "interleaved or split");
  }
  return {.width = args.inputs[0].size(2),
          .split = layout == "split",
          .inclusive = args.attrs.flag(kInclusive),
          .base = args.attrs.real(kBase)};
}

void infer_sinusoidal(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[0];
  check_x(args);
  if (x.size(2) % 2 != 0) {
    throw_shape(args.label, "x", "width " + std::to_string(x.size(2)), "an even width (pairs of sine and cosine)");
  }
  check_offset_type(args, kSinusoidalOffset);
  check_row_lengths(args, x, kSinusoidalRowLengths);
  check_start(args, args.attrs.integer(kStart));
  const double base = layout_of(args).base;
  if (!std::isfinite(base) || base <= 0) {
    throw_value(args.label, "base", std::to_string(base), "a finite number above zero");
  }
  outputs[0] = {DType::float32, x.shape()};
}

/// The last position that the call uses; ValueError for an offset that is none.
std::int64_t last_position(const OpArgs& args) {
  std::int64_t last = 0;
  for (std::int64_t row = 0; row < args.inputs[0].size(0); ++row) {
    const std::int64_t offset = offset_of(args, kSinusoidalOffset, row);
    if (offset < 0 || offset > kMostPositions) {
      throw_value(args.label, "offset", std::to_string(offset) + " in row " + std::to_string(row),
                  "a position, zero or more");
    }
    last = std::max(last, offset);
  }
  return args.attrs.integer(kStart) + last + args.inputs[0].size(1) - 1;
}

void forward_sinusoidal(OpCall& call) {
  const Tensor& x = call.inputs[0];
  const std::int64_t positions = last_position(call) + 1;
  if (x.num_elements() == 0) return;
  const SinusoidLayout layout = layout_of(call);
  const auto table = sinusoid_table(layout, positions);
  const std::int64_t width = x.size(2);
  const std::int64_t in_table = static_cast<std::int64_t>(table->size()) / width;
  const float* in = x.data<float>();
  float* y = call.outputs[0].mutable_data<float>();
  for_each_row(call, kSinusoidalRowLengths, [&](std::int64_t row, std::int64_t at, std::int64_t time) {
    const std::int64_t first = call.attrs.integer(kStart) + offset_of(call, kSinusoidalOffset, row);
    const std::int64_t known = std::clamp<std::int64_t>(in_table - first, 0, time);
    if (known > 0) add_values(in + at, table->data() + first * width, known * width, y + at);
    std::vector<float> beyond(known < time ? width : 0);
    for (std::int64_t t = known; t < time; ++t) {
      sinusoid_row(layout, first + t, beyond.data());
      add_values(in + at + t * width, beyond.data(), width, y + at + t * width);
    }
  });
}

void vjp_sinusoidal(VjpCall& call) {
  refuse_packed(call, kSinusoidalRowLengths);
  call.grad_inputs[0] = call.grad_outputs[0];
}

// ---- learned_positions

enum LearnedInput { kX, kWeight, kLearnedOffset, kLearnedRowLengths };

void infer_learned(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_x(args);
  check_tensor(args.label, "weight", args.inputs[kWeight], DType::float32, {-1, x.size(2)},
               "width of x " + x.shape().to_string());
  check_offset_type(args, kLearnedOffset);
  check_row_lengths(args, x, kLearnedRowLengths);
  check_start(args, args.attrs.integer(0));
  outputs[0] = {DType::float32, x.shape()};
}

/// Every position must have a row in the table.
void check_learned_positions(const OpArgs& args, std::int64_t start, std::int64_t count) {
  const std::int64_t batch = args.inputs[kX].size(0), time = args.inputs[kX].size(1);
  for (std::int64_t row = 0; row < batch && time > 0; ++row) {
    const std::int64_t offset = offset_of(args, kLearnedOffset, row);
    if (offset >= -start && offset <= count - time - start) continue;
    throw IndexError(std::string(args.label) + ": row " + std::to_string(row) + " has start " + std::to_string(start) +
                     ", offset " + std::to_string(offset) + " and " + std::to_string(time) +
                     " steps, expected positions within the " + std::to_string(count) + " rows of weight");
  }
}

void forward_learned(OpCall& call) {
  const Tensor& x = call.inputs[kX];
  const Tensor& weight = call.inputs[kWeight];
  const std::int64_t start = call.attrs.integer(0), width = x.size(2);
  check_learned_positions(call, start, weight.size(0));
  const float* in = x.data<float>();
  const float* rows = weight.data<float>();
  float* y = call.outputs[0].mutable_data<float>();
  for_each_row(call, kLearnedRowLengths, [&](std::int64_t row, std::int64_t at, std::int64_t time) {
    const std::int64_t first = start + offset_of(call, kLearnedOffset, row);
    add_values(in + at, rows + first * width, time * width, y + at);
  });
}

void vjp_learned(VjpCall& call) {
  refuse_packed(call, kLearnedRowLengths);
  const Tensor& dy = call.grad_outputs[0];
  if (call.wants(kX)) call.grad_inputs[kX] = dy;
  if (!call.wants(kWeight)) return;
  const std::int64_t batch = dy.size(0), time = dy.size(1);
  std::vector<std::int64_t> positions(static_cast<std::size_t>(batch * time));
  for (std::int64_t row = 0; row < batch; ++row) {
    const std::int64_t first = call.attrs.integer(0) + offset_of(call, kLearnedOffset, row);
    for (std::int64_t t = 0; t < time; ++t) positions[static_cast<std::size_t>(row * time + t)] = first + t;
  }
  Tensor& table = call.grad_inputs[kWeight];
  sum_rows_by_id(dy.data<float>(), positions, table.size(0), table.size(1), table.mutable_data<float>());
}

}  // namespace

void add_position_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "sinusoidal_positions",
                 .inputs = {{"x"}, {"offset", InputKind::optional}, {"row_lengths", InputKind::optional}},
                 .attrs = {{"start", std::int64_t{0}},
                           {"layout", std::string("interleaved")},
                           {"base", 10000.0},
                           {"inclusive", false}},
                 .outputs = {{"y"}},
                 .infer = infer_sinusoidal,
                 .forward = forward_sinusoidal,
                 .cost = cost<kSinusoidalRowLengths>,
                 .vjp = vjp_sinusoidal,
                 .differentiable = VjpReads::bits({0})});
  ops.push_back({.name = "learned_positions",
                 .inputs = {{"x"}, {"weight"}, {"offset", InputKind::optional}, {"row_lengths", InputKind::optional}},
                 .attrs = {{"start", std::int64_t{0}}},
                 .outputs = {{"y"}},
                 .infer = infer_learned,
                 .forward = forward_learned,
                 .cost = cost<kLearnedRowLengths>,
                 .vjp = vjp_learned,
                 .vjp_reads = {VjpReads::bits({kLearnedOffset})},
                 .differentiable = VjpReads::bits({kX, kWeight})});
}

}  // namespace pyseq
