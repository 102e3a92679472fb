// layer_norm: y = (x - mean) / sqrt(variance + epsilon) * weight + bias, over the last dimension.
#include <cmath>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {
namespace {

enum Input { kX, kWeight, kBias };
enum Attribute { kEpsilon };
constexpr std::int64_t kValuesPerChunk = 8192;

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_dtype(args.label, "x", x, DType::float32);
  check_min_rank(args.label, "x", x, 1);
  const std::string because = "last dimension of x " + x.shape().to_string();
  if (args.has(kWeight)) {
    check_tensor(args.label, "weight", args.inputs[kWeight], DType::float32, {x.size(-1)}, because);
  }
  if (args.has(kBias)) {
    check_tensor(args.label, "bias", args.inputs[kBias], DType::float32, {x.size(-1)}, because);
  }
  const double epsilon = args.attrs.real(kEpsilon);
  if (!std::isfinite(epsilon) || epsilon < 0) {
    throw_value(args.label, "epsilon", std::to_string(epsilon), "a finite number, zero or more");
  }
  outputs[0] = {DType::float32, x.shape()};
}

void forward(OpCall& call) {
  const Tensor& x = call.inputs[kX];
  if (x.num_elements() == 0) return;
  const std::int64_t columns = x.size(-1);
  const LayerNormF32 whole{.rows = x.num_elements() / columns,
                           .columns = columns,
                           .x = x.data<float>(),
                           .weight = call.has(kWeight) ? call.inputs[kWeight].data<float>() : nullptr,
                           .bias = call.has(kBias) ? call.inputs[kBias].data<float>() : nullptr,
                           .epsilon = static_cast<float>(call.attrs.real(kEpsilon)),
                           .y = call.outputs[0].mutable_data<float>()};
  parallel_for(whole.rows, kValuesPerChunk / columns + 1, [&](std::int64_t begin, std::int64_t end) {
    LayerNormF32 block = whole;
    block.rows = end - begin;
    block.x += begin * columns;
    block.y += begin * columns;
    kernels().layer_norm_f32(&block);
  });
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, 8);
}

}  // namespace

void add_normalization_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "layer_norm",
                 .inputs = {{"x"}, {"weight", InputKind::optional}, {"bias", InputKind::optional}},
                 .attrs = {{"epsilon", 1e-5}},
                 .outputs = {{"y"}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost});
}

}  // namespace pyseq
