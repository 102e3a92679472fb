// Normalisation of the last dimension, alone or after a residual sum:
// layer_norm: y = (x - mean) / sqrt(variance + epsilon) * weight + bias; rms_norm: y = x / sqrt(mean x² + epsilon) *
// weight; add_layer_norm and add_rms_norm do the same to s = (x + input_bias) + residual, and give s as well.
#include <cmath>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {
namespace {

constexpr std::int64_t kValuesPerChunk = 8192;
constexpr int kAbsent = -1;

/// Where an op has its inputs; kAbsent for those that it does not know. x is the first one.
struct NormInputs {
  int residual, weight, bias, input_bias;
};
constexpr NormInputs kLayerNorm{.residual = kAbsent, .weight = 1, .bias = 2, .input_bias = kAbsent};
constexpr NormInputs kRmsNorm{.residual = kAbsent, .weight = 1, .bias = kAbsent, .input_bias = kAbsent};
constexpr NormInputs kAddLayerNorm{.residual = 1, .weight = 2, .bias = 3, .input_bias = 4};
constexpr NormInputs kAddRmsNorm{.residual = 1, .weight = 2, .bias = kAbsent, .input_bias = 3};

void check_row(const OpArgs& args, int input, std::string_view name) {
  if (input == kAbsent || !args.has(input)) return;
  const Tensor& x = args.inputs[0];
  check_tensor(args.label, name, args.inputs[input], DType::float32, {x.size(-1)},
               "last dimension of x " + x.shape().to_string());
}

void check_residual(const OpArgs& args, int input) {
  const Tensor& x = args.inputs[0];
  const Tensor& residual = args.inputs[input];
  check_dtype(args.label, "residual", residual, DType::float32);
  if (!(residual.shape() == x.shape())) {
    throw_shape(args.label, "residual", "shape " + residual.shape().to_string(),
                "the shape of x " + x.shape().to_string());
  }
}

template <const NormInputs& where>
void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[0];
  check_dtype(args.label, "x", x, DType::float32);
  check_min_rank(args.label, "x", x, 1);
  if (where.residual != kAbsent) check_residual(args, where.residual);
  check_row(args, where.weight, "weight");
  check_row(args, where.bias, "bias");
  check_row(args, where.input_bias, "input_bias");
  const double epsilon = args.attrs.real(0);
  if (!std::isfinite(epsilon) || epsilon < 0) {
    throw_value(args.label, "epsilon", std::to_string(epsilon), "a finite number, zero or more");
  }
  for (TensorType& output : outputs) output = {DType::float32, x.shape()};
}

const float* values_or_null(const OpCall& call, int input) {
  return input != kAbsent && call.has(input) ? call.inputs[input].data<float>() : nullptr;
}

void normalise(OpCall& call, const NormInputs& where, void (*kernel)(const NormF32*)) {
  const Tensor& x = call.inputs[0];
  if (x.num_elements() == 0) return;
  const std::int64_t columns = x.size(-1);
  const NormF32 whole{.rows = x.num_elements() / columns,
                      .columns = columns,
                      .x = x.data<float>(),
                      .weight = values_or_null(call, where.weight),
                      .bias = values_or_null(call, where.bias),
                      .epsilon = static_cast<float>(call.attrs.real(0)),
                      .y = call.outputs[0].mutable_data<float>(),
                      .residual = values_or_null(call, where.residual),
                      .added_bias = values_or_null(call, where.input_bias),
                      .sum = call.outputs.size() > 1 ? call.outputs[1].mutable_data<float>() : nullptr};
  parallel_for(whole.rows, kValuesPerChunk / columns + 1, [&](std::int64_t begin, std::int64_t end) {
    NormF32 block = whole;
    block.rows = end - begin;
    block.x += begin * columns;
    block.y += begin * columns;
    if (block.residual != nullptr) block.residual += begin * columns;
    if (block.sum != nullptr) block.sum += begin * columns;
    kernel(&block);
  });
}

template <const NormInputs& where>
void forward_layer_norm(OpCall& call) {
  normalise(call, where, kernels().layer_norm_f32);
}
template <const NormInputs& where>
void forward_rms_norm(OpCall& call) {
  normalise(call, where, kernels().rms_norm_f32);
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  OpCost cost = elementwise_cost(args, outputs, outputs.size() > 1 ? 10 : 8);
  if (outputs.size() > 1) cost.bytes += bytes_of(outputs[1]);
  return cost;
}

constexpr InputKind kOptional = InputKind::optional;

}  // namespace

void add_normalization_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "layer_norm",
                 .inputs = {{"x"}, {"weight", kOptional}, {"bias", kOptional}},
                 .attrs = {{"epsilon", 1e-5}},
                 .outputs = {{"y"}},
                 .infer = infer<kLayerNorm>,
                 .forward = forward_layer_norm<kLayerNorm>,
                 .cost = cost});
  ops.push_back({.name = "rms_norm",
                 .inputs = {{"x"}, {"weight", kOptional}},
                 .attrs = {{"epsilon", 1e-6}},
                 .outputs = {{"y"}},
                 .infer = infer<kRmsNorm>,
                 .forward = forward_rms_norm<kRmsNorm>,
                 .cost = cost});
  ops.push_back({.name = "add_layer_norm",
                 .inputs = {{"x"}, {"residual"}, {"weight", kOptional}, {"bias", kOptional}, {"input_bias", kOptional}},
                 .attrs = {{"epsilon", 1e-5}},
                 .outputs = {{"y"}, {"sum"}},
                 .infer = infer<kAddLayerNorm>,
                 .forward = forward_layer_norm<kAddLayerNorm>,
                 .cost = cost});
  ops.push_back({.name = "add_rms_norm",
                 .inputs = {{"x"}, {"residual"}, {"weight", kOptional}, {"input_bias", kOptional}},
                 .attrs = {{"epsilon", 1e-6}},
                 .outputs = {{"y"}, {"sum"}},
                 .infer = infer<kAddRmsNorm>,
                 .forward = forward_rms_norm<kAddRmsNorm>,
                 .cost = cost});
}

}  // namespace pyseq
