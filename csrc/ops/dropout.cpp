// dropout: y = x / (1 - p) where a mask keeps, 0 elsewhere. Element e of the mask is kept when word e of the Philox
// stream (seed, stream, step) is at least p 2^32. Along shared_axis all values share an element.
#include <algorithm>
#include <cmath>
#include <string>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {
namespace {

enum Attribute { kProbability, kSeed, kStream, kStep, kSharedAxis };
constexpr std::int64_t kValuesPerTask = 16384;
constexpr std::int64_t kElementsPerTask = 4096;  // of a mask that is not shared; a multiple of what the kernel makes
constexpr double kWords = 4294967296.0;          // 2^32

void check_counter(const OpArgs& args, std::string_view name, Attribute attribute) {
  const std::int64_t value = args.attrs.integer(attribute);
  if (value < 0 || value >= std::int64_t{1} << 32) {
    throw_value(args.label, name, std::to_string(value), "0 to 4294967295");
  }
}

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[0];
  check_dtype(args.label, "x", x, DType::float32);
  const double p = args.attrs.real(kProbability);
  if (!(p >= 0 && p <= 1)) throw_value(args.label, "p", std::to_string(p), "0 to 1");
  check_counter(args, "stream", kStream);
  check_counter(args, "step", kStep);
  const std::int64_t axis = args.attrs.integer(kSharedAxis);
  if (axis < -1 || axis >= x.rank()) {
    throw_value(args.label, "shared_axis", std::to_string(axis), "-1 (none) or an axis of x " + x.shape().to_string());
  }
  outputs[0] = {DType::float32, x.shape()};
}

std::int64_t product(const std::int64_t* begin, const std::int64_t* end) {
  std::int64_t count = 1;
  for (const std::int64_t* size = begin; size != end; ++size) count *= *size;
  return count;
}

/// x seen as [outer, shared, inner]; its mask is [outer, inner].
struct MaskShape {
  std::int64_t outer, shared, inner;
};
MaskShape mask_shape(const OpArgs& args) {
  const Shape& shape = args.inputs[0].shape();
  const std::int64_t axis = args.attrs.integer(kSharedAxis);
  if (axis < 0) return {1, 1, product(shape.begin(), shape.end())};
  return {product(shape.begin(), shape.begin() + axis), shape[static_cast<int>(axis)],
          product(shape.begin() + axis + 1, shape.end())};
}

/// The call with everything but the place in mask and values.
DropoutF32 prepare(const OpArgs& call, const MaskShape& mask, const Tensor& x, Tensor& y) {
  const double p = call.attrs.real(kProbability);
  return {.source = {.seed = static_cast<std::uint64_t>(call.attrs.integer(kSeed)),
                     .step = static_cast<std::uint32_t>(call.attrs.integer(kStep)),
                     .stream = static_cast<std::uint32_t>(call.attrs.integer(kStream))},
          .threshold = static_cast<std::uint32_t>(p * kWords),  // below 2^32, since p < 1
          .scale = static_cast<float>(1.0 / (1.0 - p)),
          .first = 0,
          .count = 0,
          .shared = mask.shared,
          .stride = mask.inner,
          .x = x.data<float>(),
          .y = y.mutable_data<float>()};
}

/// Values that share an element stand side by side.
void drop_runs(const DropoutF32& whole, std::int64_t elements) {
  parallel_for(elements, kValuesPerTask / whole.shared + 1, [&](std::int64_t begin, std::int64_t end) {
    DropoutF32 block = whole;
    block.first = begin;
    block.count = end - begin;
    block.x += begin * whole.shared;
    block.y += begin * whole.shared;
    kernels().dropout_runs_f32(&block);
  });
}

void drop_columns(const DropoutF32& whole, const MaskShape& mask) {
  const std::int64_t blocks = (mask.inner + kElementsPerTask - 1) / kElementsPerTask;
  const std::int64_t values = mask.shared * std::min(mask.inner, kElementsPerTask);
  parallel_for(mask.outer * blocks, kValuesPerTask / values + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t row = task / blocks, column = task % blocks * kElementsPerTask;
      DropoutF32 block = whole;
      block.first = row * mask.inner + column;
      block.count = std::min(kElementsPerTask, mask.inner - column);
      block.x += row * mask.shared * mask.inner + column;
      block.y += row * mask.shared * mask.inner + column;
      kernels().dropout_f32(&block);
    }
  });
}

/// y = x under the mask of the call; x has the shape of its input.
void drop(const OpArgs& call, const Tensor& x, Tensor& y) {
  const std::int64_t n = x.num_elements();
  if (n == 0) return;
  if (call.attrs.real(kProbability) == 1.0) return std::fill_n(y.mutable_data<float>(), n, 0.0F), void();
  const MaskShape mask = mask_shape(call);
  const DropoutF32 whole = prepare(call, mask, x, y);
  mask.inner == 1 ? drop_runs(whole, mask.outer) : drop_columns(whole, mask);
}

void forward(OpCall& call) {
  drop(call, call.inputs[0], call.outputs[0]);
}
/// The gradient passes where x did.
void vjp(VjpCall& call) {
  drop(call, call.grad_outputs[0], call.grad_inputs[0]);
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, 2);
}

}  // namespace

void add_dropout_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "dropout",
                 .inputs = {{"x"}},
                 .attrs = {{.name = "p", .default_value = 0.5},
                           {.name = "seed", .default_value = std::int64_t{0}},
                           {.name = "stream", .default_value = std::int64_t{0}},
                           {.name = "step", .default_value = std::int64_t{0}},
                           {.name = "shared_axis", .default_value = std::int64_t{-1}}},
                 .outputs = {{"y"}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost,
                 .vjp = vjp,
                 .vjp_reads = {},
                 .differentiable = VjpReads::bits({0})});
}

}  // namespace pyseq
