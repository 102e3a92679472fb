// linear: y = activation(x W^T + b) + residual.
#include "base/packing.h"
#include "ops/activations.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"
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

// ---- vjp: with z = x W^T + b and dz = dy f'(z): dx = dz W, dW = dz^T x, db = column sums of dz, dresidual = dy

/// f'(z) dy. tanh, relu and sigmoid find f' in the output; other activations, and those below a residual, need z again.
Tensor gradient_of_product(VjpCall& call, Activation activation) {
  const Tensor& dy = call.grad_outputs[0];
  if (activation == Activation::none) return dy;
  const bool from_output = has_gradient_from_output(activation) && !call.has(kResidual);
  Tensor z = call.outputs[0];
  if (!from_output) {
    z = Tensor::empty(DType::float32, dy.shape());
    const Tensor& weight = call.inputs[kWeight];
    unpacked_gemm({.m = dy.num_elements() / weight.size(0),
                   .n = weight.size(0),
                   .k = weight.size(1),
                   .a = {call.inputs[kX].data<float>(), weight.size(1)},
                   .b = {weight.data<float>(), weight.size(1), true},
                   .epilogue = {.bias = call.has(kBias) ? call.inputs[kBias].data<float>() : nullptr},
                   .c = z.mutable_data<float>(),
                   .ldc = weight.size(0)},
                  call.limits);
  }
  Tensor dz = Tensor::empty(DType::float32, dy.shape());
  activation_gradient(activation, from_output, z, dy, dz);
  return dz;
}

void vjp(VjpCall& call) {
  const Tensor& weight = call.inputs[kWeight];
  if (weight.is_packed()) {
    throw UnsupportedError(std::string(call.label) + ": a packed weight has no gradient, expected a row-major one");
  }
  if (call.wants(kResidual)) call.grad_inputs[kResidual] = call.grad_outputs[0];
  const Tensor dz = gradient_of_product(call, parse_activation(call.label, "activation", call.attrs.text(kActivation)));
  const std::int64_t columns = weight.size(0), in = weight.size(1);
  const std::int64_t rows = columns == 0 ? 0 : dz.num_elements() / columns;
  if (call.wants(kX)) {
    unpacked_gemm({.m = rows,
                   .n = in,
                   .k = columns,
                   .a = {dz.data<float>(), columns},
                   .b = {weight.data<float>(), in},
                   .c = call.grad_inputs[kX].mutable_data<float>(),
                   .ldc = in},
                  call.limits);
  }
  if (call.wants(kWeight)) {
    unpacked_gemm({.m = columns,
                   .n = in,
                   .k = rows,
                   .a = {dz.data<float>(), columns, true},
                   .b = {call.inputs[kX].data<float>(), in},
                   .c = call.grad_inputs[kWeight].mutable_data<float>(),
                   .ldc = in},
                  call.limits);
  }
  if (call.wants(kBias)) {
    sum_rows(dz.data<float>(), rows, columns, call.grad_inputs[kBias].mutable_data<float>(), call.scratch);
  }
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
                 .cost = cost,
                 .vjp = vjp,
                 .vjp_reads = {VjpReads::bits({kX, kWeight, kBias}), VjpReads::bits({0})},
                 .differentiable = VjpReads::bits({kX, kWeight, kBias, kResidual})});
}

}  // namespace pyseq
