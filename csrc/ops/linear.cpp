// linear: y = activation(x W^T + b) + residual.
#include "base/packing.h"
#include "ops/activations.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/product.h"
#include "ops/unpacked_gemm.h"

namespace pyseq {
namespace {

enum Input { kX, kWeight, kBias, kResidual };
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
  if (args.has(kResidual)) {
    const Tensor& residual = args.inputs[kResidual];
    check_dtype(args.label, "residual", residual, DType::float32);
    if (residual.shape() != outputs[0].shape) {
      throw_shape(args.label, "residual", "shape " + residual.shape().to_string(),
                  outputs[0].shape.to_string() + " (the shape of the output)");
    }
  }
}

GemmEpilogue epilogue_of(const OpCall& call, std::int64_t columns) {
  GemmEpilogue epilogue{.activation = parse_activation(call.label, "activation", call.attrs.text(kActivation))};
  if (call.has(kBias)) epilogue.bias = call.inputs[kBias].data<float>();
  if (call.has(kResidual)) {
    epilogue.residual = call.inputs[kResidual].data<float>();
    epilogue.residual_stride = columns;
  }
  return epilogue;
}

void forward(OpCall& call) {
  const Tensor& weight = call.inputs[kWeight];
  Tensor& y = call.outputs[0];
  const std::int64_t columns = weight.size(0), in = weight.size(1);
  if (y.num_elements() == 0) return;
  const float* x = call.inputs[kX].data<float>();
  const std::int64_t rows = y.num_elements() / columns;
  if (!weight.is_packed()) {
    return unpacked_gemm({.m = rows,
                          .n = columns,
                          .k = in,
                          .a = {x, in},
                          .b = {weight.data<float>(), in, true},
                          .epilogue = epilogue_of(call, columns),
                          .c = y.mutable_data<float>(),
                          .ldc = columns},
                         call.limits);
  }
  const Product product{.m = rows,
                        .n = columns,
                        .b = weight_panels(weight, 1, call.scratch),
                        .panel = kPanelColumns,
                        .epilogue = epilogue_of(call, columns),
                        .c = y.mutable_data<float>(),
                        .ldc = columns};
  parallel_multiply(product, x, in, call.scratch, call.limits);
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  const auto in = static_cast<double>(args.inputs[kWeight].size(1));
  return elementwise_cost(args, outputs, 2 * in);
}

}  // namespace

void add_linear_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "linear",
                 .inputs = {{"x"},
                            {.name = "weight", .pack_gates = 1},
                            {"bias", InputKind::optional},
                            {"residual", InputKind::optional}},
                 .attrs = {{"activation", std::string("none")}},
                 .outputs = {{"y"}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost});
}

}  // namespace pyseq
