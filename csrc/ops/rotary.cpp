// rotary: pairs of values of queries or keys turned by an angle that grows with their position.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/threads.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/padding.h"
#include "ops/sinusoid_table.h"

namespace pyseq {
namespace {

enum Input { kX, kOffset, kRowLengths };
enum Attribute { kNumHeads, kDims, kLayout, kBase, kStart };

constexpr std::int64_t kValuesPerChunk = 16384;
/// Far above any sequence, and far below where sums of positions could overflow.
constexpr std::int64_t kMostPositions = std::int64_t{1} << 40;

struct Rotation {
  std::int64_t heads, head_dim, dims;  // the first `dims` values of each head turn
  bool split;
  SinusoidLayout table;  // all sines, then all cosines
};

Rotation rotation_of(const OpArgs& args) {
  const std::int64_t heads = args.attrs.integer(kNumHeads), head_dim = args.inputs[kX].size(2) / heads;
  const std::int64_t given = args.attrs.integer(kDims), dims = given == 0 ? head_dim : given;
  return {heads,
          head_dim,
          dims,
          args.attrs.text(kLayout) == "split",
          {.width = dims, .split = true, .inclusive = false, .base = args.attrs.real(kBase)}};
}

void check_attributes(const OpArgs& args) {
  const std::string& layout = args.attrs.text(kLayout);
  if (layout != "interleaved" && layout != "split") {
    throw_value(args.label, "layout", in_quotes(layout), "interleaved or split");
  }
  const double base = args.attrs.real(kBase);
  if (!std::isfinite(base) || base <= 0) {
    throw_value(args.label, "base", std::to_string(base), "a finite number above zero");
  }
  const std::int64_t start = args.attrs.integer(kStart);
  if (start < 0 || start > kMostPositions) {
    throw_value(args.label, "start", std::to_string(start), "a position, zero or more");
  }
  const std::int64_t heads = args.attrs.integer(kNumHeads);
  if (heads < 1) throw_value(args.label, "num_heads", std::to_string(heads), "at least 1");
}

void infer_rotary(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_attributes(args);
  check_tensor(args.label, "x", x, DType::float32, {-1, -1, -1});
  const std::int64_t heads = args.attrs.integer(kNumHeads), width = x.size(2);
  if (width == 0 || width % heads != 0) {
    throw_shape(args.label, "x", "width " + std::to_string(width), "a multiple of num_heads " + std::to_string(heads));
  }
  const Rotation rotation = rotation_of(args);
  if (rotation.dims < 2 || rotation.dims % 2 != 0 || rotation.dims > rotation.head_dim) {
    throw_value(args.label, "dims", std::to_string(rotation.dims),
                "an even number up to the " + std::to_string(rotation.head_dim) + " of a head");
  }
  if (args.has(kOffset)) {
    check_tensor(args.label, "offset", args.inputs[kOffset], DType::int64, {x.size(0)},
                 "batch of x " + x.shape().to_string());
  }
  check_row_lengths(args, x, kRowLengths);
  outputs[0] = {DType::float32, x.shape()};
}

/// Position of the first step of a row. ValueError for an offset that is none.
std::int64_t first_position(const OpArgs& args, std::int64_t row) {
  const std::int64_t start = args.attrs.integer(kStart);
  if (!args.has(kOffset)) return start;
  const std::int64_t offset = args.inputs[kOffset].data<std::int64_t>()[row];
  if (offset < 0 || offset > kMostPositions) {
    throw_value(args.label, "offset", std::to_string(offset) + " in row " + std::to_string(row),
                "a position, zero or more");
  }
  return start + offset;
}

/// One head: pairs (a, b) -> (a cos - b sin, a sin + b cos). `waves` is dims / 2 sines, then as many cosines;
/// `direction` -1 turns back.
void turn(const Rotation& rotation, float direction, const float* waves, const float* x, float* y) {
  const std::int64_t half = rotation.dims / 2;
  const std::int64_t step = rotation.split ? 1 : 2, partner = rotation.split ? half : 1;
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = x[i * step], b = x[i * step + partner], sine = direction * waves[i], cosine = waves[half + i];
    y[i * step] = a * cosine - b * sine;
    y[i * step + partner] = a * sine + b * cosine;
  }
  std::copy(x + rotation.dims, x + rotation.head_dim, y + rotation.dims);
}

/// The position of every step, in the order in which x has them.
std::vector<std::int64_t> positions_of(const OpArgs& args) {
  const RowSteps steps(args, args.inputs[kX], kRowLengths);
  std::vector<std::int64_t> positions(static_cast<std::size_t>(steps.total()));
  for (std::int64_t row = 0; row < steps.rows(); ++row) {
    const auto begin = positions.begin() + steps.first(row);
    std::iota(begin, begin + steps.count(row), first_position(args, row));
  }
  return positions;
}

/// y = x turned by the angles of its positions (direction 1), or turned back (-1).
void turn_all(const OpArgs& call, float direction, const Tensor& x, Tensor& turned) {
  const std::int64_t batch = x.size(0), time = x.size(1), width = x.size(2);
  std::int64_t last = 0;
  for (std::int64_t row = 0; row < batch; ++row) last = std::max(last, first_position(call, row) + time);
  if (x.num_elements() == 0) return;
  const Rotation rotation = rotation_of(call);
  const auto table = sinusoid_table(rotation.table, last);
  const std::int64_t in_table = static_cast<std::int64_t>(table->size()) / rotation.dims;
  const float* in = x.data<float>();
  float* y = turned.mutable_data<float>();
  const std::vector<std::int64_t> positions = positions_of(call);
  parallel_for(static_cast<std::int64_t>(positions.size()), kValuesPerChunk / width + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 std::vector<float> beyond(static_cast<std::size_t>(rotation.dims));
                 for (std::int64_t step = begin; step < end; ++step) {
                   const std::int64_t position = positions[step];
                   const float* waves = beyond.data();
                   if (position < in_table) {
                     waves = table->data() + position * rotation.dims;
                   } else {
                     sinusoid_row(rotation.table, position, beyond.data());
                   }
                   for (std::int64_t head = 0; head < rotation.heads; ++head) {
                     const std::int64_t at = step * width + head * rotation.head_dim;
                     turn(rotation, direction, waves, in + at, y + at);
                   }
                 }
               });
}

void forward_rotary(OpCall& call) {
  turn_all(call, 1.0F, call.inputs[kX], call.outputs[0]);
}
void vjp_rotary(VjpCall& call) {
  refuse_packed(call, kRowLengths);
  turn_all(call, -1.0F, call.grad_outputs[0], call.grad_inputs[kX]);
}

OpCost cost_rotary(const OpArgs& args, std::span<const TensorType> outputs) {
  return cost_of_packed(args, args.inputs[kX], kRowLengths, elementwise_cost(args, outputs, 3));
}

}  // namespace

void add_rotary_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "rotary",
                 .inputs = {{"x"}, {"offset", InputKind::optional}, {"row_lengths", InputKind::optional}},
                 .attrs = {{.name = "num_heads", .default_value = std::int64_t{1}, .required = true},
                           {"dims", std::int64_t{0}},
                           {"layout", std::string("interleaved")},
                           {"base", 10000.0},
                           {"start", std::int64_t{0}}},
                 .outputs = {{"y"}},
                 .infer = infer_rotary,
                 .forward = forward_rotary,
                 .cost = cost_rotary,
                 .vjp = vjp_rotary,
                 .vjp_reads = {VjpReads::bits({kOffset})},
                 .differentiable = VjpReads::bits({kX})});
}

}  // namespace pyseq
