// Functions of every element: exp, log, sqrt, negative, softplus, elu, leaky_relu, clip.
#include <cmath>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {
namespace {

constexpr std::int64_t kGrain = 8192;  // values per chunk

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  check_dtype(args.label, "x", args.inputs[0], DType::float32);
  outputs[0] = {DType::float32, args.inputs[0].shape()};
}

/// The first attribute must be a number, not NaN or infinite.
void infer_with_number(const OpArgs& args, std::span<TensorType> outputs, std::string_view name) {
  infer(args, outputs);
  const double value = args.attrs.real(0);
  if (!std::isfinite(value)) throw_value(args.label, name, std::to_string(value), "a finite number");
}
void infer_elu(const OpArgs& args, std::span<TensorType> outputs) {
  infer_with_number(args, outputs, "alpha");
}
void infer_leaky_relu(const OpArgs& args, std::span<TensorType> outputs) {
  infer_with_number(args, outputs, "slope");
}

void infer_clip(const OpArgs& args, std::span<TensorType> outputs) {
  infer(args, outputs);
  const double lower = args.attrs.real(0), upper = args.attrs.real(1);
  if (!(lower <= upper)) {
    throw_value(args.label, "lower", std::to_string(lower), "at most " + std::to_string(upper) + " (upper)");
  }
}

/// Attribute `index`, or 0 where the function has none.
float parameter(const OpArgs& args, int index) {
  const bool known = static_cast<std::size_t>(index) < args.attrs.values().size();
  return known ? static_cast<float>(args.attrs.real(index)) : 0.0F;
}

template <Function function>
void forward(OpCall& call) {
  const float first = parameter(call, 0), second = parameter(call, 1);
  const float* x = call.inputs[0].data<float>();
  float* y = call.outputs[0].mutable_data<float>();
  parallel_for(call.inputs[0].num_elements(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    const FunctionF32 block{
        .n = end - begin, .x = x + begin, .function = function, .first = first, .second = second, .y = y + begin};
    kernels().function_f32(&block);
  });
}

/// What the gradient is told from: y, x or nothing but dy.
constexpr bool reads_output(Function function) {
  return function == Function::exp || function == Function::sqrt;
}
constexpr bool reads_input(Function function) {
  return !reads_output(function) && function != Function::negative;
}

template <Function function>
void vjp(VjpCall& call) {
  const float first = parameter(call, 0), second = parameter(call, 1);
  const float* values = nullptr;
  if (reads_output(function)) values = call.outputs[0].data<float>();
  if (reads_input(function)) values = call.inputs[0].data<float>();
  const float* dy = call.grad_outputs[0].data<float>();
  float* dx = call.grad_inputs[0].mutable_data<float>();
  parallel_for(call.grad_outputs[0].num_elements(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    const FunctionGradientF32 block{.n = end - begin,
                                    .values = values == nullptr ? nullptr : values + begin,
                                    .dy = dy + begin,
                                    .function = function,
                                    .first = first,
                                    .second = second,
                                    .dx = dx + begin};
    kernels().function_gradient_f32(&block);
  });
}

/// Flops of a transcendental function, counted as a polynomial of usual length.
OpCost cost_transcendental(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, 20);
}
OpCost cost_simple(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, 1);
}

using Infer = void (*)(const OpArgs&, std::span<TensorType>);
using Cost = OpCost (*)(const OpArgs&, std::span<const TensorType>);

template <Function function>
OpDef function_op(std::string_view name, Cost cost, std::vector<AttrDef> attrs = {}, Infer infer_op = infer) {
  return {
      .name = name,
      .inputs = {{"x"}},
      .attrs = std::move(attrs),
      .outputs = {{"y"}},
      .infer = infer_op,
      .forward = forward<function>,
      .cost = cost,
      .vjp = vjp<function>,
      .vjp_reads = {reads_input(function) ? VjpReads::bits({0}) : 0, reads_output(function) ? VjpReads::bits({0}) : 0},
      .differentiable = VjpReads::bits({0})};
}

}  // namespace

void add_function_ops(std::vector<OpDef>& ops) {
  ops.push_back(function_op<Function::exp>("exp", cost_transcendental));
  ops.push_back(function_op<Function::log>("log", cost_transcendental));
  ops.push_back(function_op<Function::sqrt>("sqrt", cost_simple));
  ops.push_back(function_op<Function::negative>("negative", cost_simple));
  ops.push_back(function_op<Function::softplus>("softplus", cost_transcendental));
  ops.push_back(function_op<Function::elu>("elu", cost_transcendental, {{"alpha", 1.0}}, infer_elu));
  ops.push_back(function_op<Function::leaky_relu>("leaky_relu", cost_simple, {{"slope", 0.01}}, infer_leaky_relu));
  ops.push_back(function_op<Function::clip>("clip", cost_simple,
                                            {{.name = "lower", .default_value = 0.0, .required = true},
                                             {.name = "upper", .default_value = 0.0, .required = true}},
                                            infer_clip));
}

}  // namespace pyseq
