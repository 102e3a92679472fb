// linear: y = activation(x W^T + b).
#include "base/packing.h"
#include "ops/activations.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gemm.h"

namespace pyseq {
namespace {

enum Input { kX, kWeight, kBias };
enum Attribute { kActivation };

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  const Tensor& weight = args.inputs[kWeight];
  check_dtype(args.label, "x", x, DType::float32);
  check_min_rank(args.label, "x", x, 1);
  check_weight(args.label, "weight", weight, 1, -1, x.size(-1),
               "[out, last dimension of x " + x.shape().to_string() + "]");
  if (args.has(kBias)) {
    check_tensor(args.label, "bias", args.inputs[kBias], DType::float32, {weight.size(0)},
                 "first dimension of weight " + weight.shape().to_string());
  }
  parse_activation(args.label, "activation", args.attrs.text(kActivation));
  outputs[0] = {DType::float32, x.shape().with(-1, weight.size(0))};
}

void forward(OpCall& call) {
  const Tensor& weight = call.inputs[kWeight];
  Tensor& y = call.outputs[0];
  const std::int64_t columns = weight.size(0), in = weight.size(1);
  if (y.num_elements() == 0) return;
  parallel_gemm({.m = y.num_elements() / columns,
                 .n = columns,
                 .k = in,
                 .a = call.inputs[kX].data<float>(),
                 .lda = in,
                 .b = packed_or_pack(weight, 1, call.scratch),
                 .panel = kPanelColumns,
                 .bias = call.has(kBias) ? call.inputs[kBias].data<float>() : nullptr,
                 .activation = parse_activation(call.label, "activation", call.attrs.text(kActivation)),
                 .c = y.mutable_data<float>(),
                 .ldc = columns},
                call.limits);
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  const auto in = static_cast<double>(args.inputs[kWeight].size(1));
  return elementwise_cost(args, outputs, 2 * in);
}

}  // namespace

void add_linear_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "linear",
                 .inputs = {{"x"}, {.name = "weight", .pack_gates = 1}, {"bias", InputKind::optional}},
                 .attrs = {{"activation", std::string("none")}},
                 .outputs = {{"y"}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost});
}

}  // namespace pyseq
