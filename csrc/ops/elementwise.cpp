// Element by element: add, subtract, multiply, divide, add_integer and the activation functions.
#include <algorithm>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/activations.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"

namespace pyseq {
namespace {

constexpr std::int64_t kSimpleGrain = 16384;         // values per chunk where memory is the limit
constexpr std::int64_t kTranscendentalGrain = 4096;  // and where arithmetic is

// ---- add, subtract, multiply, divide: b has a's shape, or a suffix of it, and is then repeated.

bool is_suffix(const Shape& suffix, const Shape& shape) {
  return suffix.rank() <= shape.rank() && std::equal(suffix.begin(), suffix.end(), shape.end() - suffix.rank());
}

void infer_binary(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& a = args.inputs[0];
  const Tensor& b = args.inputs[1];
  check_dtype(args.label, "a", a, DType::float32);
  check_dtype(args.label, "b", b, DType::float32);
  if (!is_suffix(b.shape(), a.shape())) {
    throw_shape(args.label, "b", "shape " + b.shape().to_string(),
                "the shape of a " + a.shape().to_string() + " or its last dimensions");
  }
  outputs[0] = {DType::float32, a.shape()};
}

/// Cuts an element-wise operation into chunks: between repetitions of b when it repeats, else anywhere.
void run_binary(void (*kernel)(const BinaryF32*), const Tensor& first_operand, const Tensor& second_operand,
                Tensor& result) {
  const std::int64_t n = first_operand.num_elements(), period = second_operand.num_elements();
  if (n == 0) return;
  const float* a = first_operand.data<float>();
  const float* b = second_operand.data<float>();
  float* y = result.mutable_data<float>();
  if (period == n) {
    parallel_for(n, kSimpleGrain, [&](std::int64_t begin, std::int64_t end) {
      const BinaryF32 block{.n = end - begin, .period = end - begin, .a = a + begin, .b = b + begin, .y = y + begin};
      kernel(&block);
    });
  } else {
    parallel_for(n / period, kSimpleGrain / period + 1, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t first = begin * period;
      const BinaryF32 block{.n = (end - begin) * period, .period = period, .a = a + first, .b = b, .y = y + first};
      kernel(&block);
    });
  }
}

void forward_binary(OpCall& call, void (*kernel)(const BinaryF32*)) {
  run_binary(kernel, call.inputs[0], call.inputs[1], call.outputs[0]);
}

void forward_add(OpCall& call) {
  forward_binary(call, kernels().add_f32);
}
void forward_subtract(OpCall& call) {
  forward_binary(call, kernels().subtract_f32);
}
void forward_multiply(OpCall& call) {
  forward_binary(call, kernels().multiply_f32);
}
void forward_divide(OpCall& call) {
  forward_binary(call, kernels().divide_f32);
}

OpCost cost_simple(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, 1);
}

// ---- their vjps; a b that was repeated gets the sum over its repetitions

/// kernel(a, b) element by element, b repeated where it is smaller.
Tensor combine(void (*kernel)(const BinaryF32*), const Tensor& a, const Tensor& b) {
  Tensor y = Tensor::empty(DType::float32, a.shape());
  run_binary(kernel, a, b, y);
  return y;
}

/// `each` has the shape of a; db gets its sum over the repetitions of b.
void sum_repetitions(VjpCall& call, const Tensor& each) {
  Tensor& db = call.grad_inputs[1];
  const std::int64_t period = db.num_elements();
  if (period == each.num_elements()) {
    db = each.reshaped(db.shape());
  } else if (period > 0) {
    sum_rows(each.data<float>(), each.num_elements() / period, period, db.mutable_data<float>(), call.scratch);
  }
}

Tensor negated(const Tensor& x) {
  Tensor y = Tensor::empty(DType::float32, x.shape());
  const float* from = x.data<float>();
  float* to = y.mutable_data<float>();
  parallel_for(x.num_elements(), kSimpleGrain, [&](std::int64_t begin, std::int64_t end) {
    const FunctionF32 block{
        .n = end - begin, .x = from + begin, .function = Function::negative, .first = 0, .second = 0, .y = to + begin};
    kernels().function_f32(&block);
  });
  return y;
}

void vjp_add(VjpCall& call) {
  const Tensor& dy = call.grad_outputs[0];
  if (call.wants(0)) call.grad_inputs[0] = dy;
  if (call.wants(1)) sum_repetitions(call, dy);
}
void vjp_subtract(VjpCall& call) {
  const Tensor& dy = call.grad_outputs[0];
  if (call.wants(0)) call.grad_inputs[0] = dy;
  if (call.wants(1)) sum_repetitions(call, negated(dy));
}
void vjp_multiply(VjpCall& call) {
  const Tensor& dy = call.grad_outputs[0];
  if (call.wants(0)) call.grad_inputs[0] = combine(kernels().multiply_f32, dy, call.inputs[1]);
  if (call.wants(1)) sum_repetitions(call, combine(kernels().multiply_f32, dy, call.inputs[0]));
}
/// da = dy / b, db = -(dy / b) y
void vjp_divide(VjpCall& call) {
  const Tensor da = combine(kernels().divide_f32, call.grad_outputs[0], call.inputs[1]);
  if (call.wants(0)) call.grad_inputs[0] = da;
  if (call.wants(1)) sum_repetitions(call, negated(combine(kernels().multiply_f32, da, call.outputs[0])));
}

OpDef binary_op(std::string_view name, void (*forward)(OpCall&), void (*vjp)(VjpCall&), VjpReads reads) {
  return {.name = name,
          .inputs = {{"a"}, {"b"}},
          .attrs = {},
          .outputs = {{"y"}},
          .infer = infer_binary,
          .forward = forward,
          .cost = cost_simple,
          .vjp = vjp,
          .vjp_reads = reads,
          .differentiable = VjpReads::bits({0, 1})};
}

// ---- add_integer: x + amount, for position arithmetic inside a program.

void infer_add_integer(const OpArgs& args, std::span<TensorType> outputs) {
  check_dtype(args.label, "x", args.inputs[0], DType::int64);
  outputs[0] = {DType::int64, args.inputs[0].shape()};
}

void forward_add_integer(OpCall& call) {
  const auto x = call.inputs[0].values<std::int64_t>();
  // Unsigned, because sums that leave the range must wrap and not be undefined.
  const auto amount = static_cast<std::uint64_t>(call.attrs.integer(0));
  std::int64_t* y = call.outputs[0].mutable_data<std::int64_t>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(x[i]) + amount);
  }
}

// ---- relu, tanh, sigmoid, silu, gelu

void infer_activation(const OpArgs& args, std::span<TensorType> outputs) {
  check_dtype(args.label, "x", args.inputs[0], DType::float32);
  outputs[0] = {DType::float32, args.inputs[0].shape()};
}

void apply_activation(OpCall& call, Activation activation) {
  const float* x = call.inputs[0].data<float>();
  float* y = call.outputs[0].mutable_data<float>();
  parallel_for(call.inputs[0].num_elements(), kTranscendentalGrain, [&](std::int64_t begin, std::int64_t end) {
    const ActivationF32 block{.n = end - begin, .x = x + begin, .activation = activation, .y = y + begin};
    kernels().activation_f32(&block);
  });
}

template <Activation activation>
void forward_activation(OpCall& call) {
  apply_activation(call, activation);
}

Activation gelu_kind(const OpArgs& args) {
  const std::string& approximate = args.attrs.text(0);
  if (approximate == "none") return Activation::gelu;
  if (approximate == "tanh") return Activation::gelu_tanh;
  throw_value(args.label, "approximate", in_quotes(approximate), "none or tanh");
}

void infer_gelu(const OpArgs& args, std::span<TensorType> outputs) {
  gelu_kind(args);
  infer_activation(args, outputs);
}

void forward_gelu(OpCall& call) {
  apply_activation(call, gelu_kind(call));
}

/// Flops of a transcendental function, counted as a polynomial of usual length.
OpCost cost_activation(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, 20);
}

/// From y where that is enough: then x need not be kept.
void apply_gradient(VjpCall& call, Activation activation) {
  const bool from_output = has_gradient_from_output(activation);
  const Tensor& values = from_output ? call.outputs[0] : call.inputs[0];
  activation_gradient(activation, from_output, values, call.grad_outputs[0], call.grad_inputs[0]);
}

template <Activation activation>
void vjp_activation(VjpCall& call) {
  apply_gradient(call, activation);
}
void vjp_gelu(VjpCall& call) {
  apply_gradient(call, gelu_kind(call));
}

template <Activation activation>
OpDef activation_op(std::string_view name) {
  const bool from_output = has_gradient_from_output(activation);
  return {.name = name,
          .inputs = {{"x"}},
          .attrs = {},
          .outputs = {{"y"}},
          .infer = infer_activation,
          .forward = forward_activation<activation>,
          .cost = cost_activation,
          .vjp = vjp_activation<activation>,
          .vjp_reads = from_output ? VjpReads{0, VjpReads::bits({0})} : VjpReads{VjpReads::bits({0})},
          .differentiable = VjpReads::bits({0})};
}

}  // namespace

void add_elementwise_ops(std::vector<OpDef>& ops) {
  ops.push_back(binary_op("add", forward_add, vjp_add, {}));
  ops.push_back(binary_op("subtract", forward_subtract, vjp_subtract, {}));
  ops.push_back(binary_op("multiply", forward_multiply, vjp_multiply, {VjpReads::bits({0, 1})}));
  ops.push_back(binary_op("divide", forward_divide, vjp_divide, {VjpReads::bits({1}), VjpReads::bits({0})}));
  ops.push_back({.name = "add_integer",
                 .inputs = {{"x"}},
                 .attrs = {{.name = "amount", .default_value = std::int64_t{0}, .required = true}},
                 .outputs = {{"y"}},
                 .infer = infer_add_integer,
                 .forward = forward_add_integer,
                 .cost = cost_simple});
  ops.push_back(activation_op<Activation::relu>("relu"));
  ops.push_back(activation_op<Activation::tanh>("tanh"));
  ops.push_back(activation_op<Activation::sigmoid>("sigmoid"));
  ops.push_back(activation_op<Activation::silu>("silu"));
  ops.push_back({.name = "gelu",
                 .inputs = {{"x"}},
                 .attrs = {{"approximate", std::string("none")}},
                 .outputs = {{"y"}},
                 .infer = infer_gelu,
                 .forward = forward_gelu,
                 .cost = cost_activation,
                 .vjp = vjp_gelu,
                 .vjp_reads = {VjpReads::bits({0})},
                 .differentiable = VjpReads::bits({0})});
}

}  // namespace pyseq
