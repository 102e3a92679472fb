// Normalisation of the last dimension, alone or after a residual sum:
// layer_norm: y = (x - mean) / sqrt(variance + epsilon) * weight + bias; rms_norm: y = x / sqrt(mean x² + epsilon) *
// weight; add_layer_norm and add_rms_norm do the same to s = (x + input_bias) + residual, and give s as well.
#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"

namespace pyseq {
namespace {

constexpr std::int64_t kValuesPerChunk = 8192;
constexpr std::int64_t kRowsPerPart = 64;  // whose contributions to the gradients of weight and bias are added up first
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

const float* values_or_null(const OpArgs& call, int input) {
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

// ---- vjp: what reaches the normalised rows goes to x, to the residual and, summed over rows, to input_bias

/// Sums over the rows of a part, for every part; a row for each of them.
class PartSums {
 public:
  PartSums(VjpCall& call, int input, std::int64_t parts, std::int64_t columns)
      : parts_(parts),
        columns_(columns),
        sums_(wants(call, input) ? call.scratch.allocate<float>(parts * columns) : nullptr) {}

  static bool wants(const VjpCall& call, int input) { return input != kAbsent && call.wants(input); }
  /// Zeros to add to; null when nobody wants the sum.
  float* start(std::int64_t part) {
    if (sums_ == nullptr) return nullptr;
    std::fill_n(sums_ + part * columns_, columns_, 0.0F);
    return sums_ + part * columns_;
  }
  void finish(VjpCall& call, int input) {
    if (sums_ != nullptr)
      sum_rows(sums_, parts_, columns_, call.grad_inputs[input].mutable_data<float>(), call.scratch);
  }

 private:
  std::int64_t parts_, columns_;
  float* sums_;
};

/// The gradient of the rows that were normalised (x, or the second output), and those of weight and bias on the way.
Tensor gradient_of_rows(VjpCall& call, const NormInputs& where, void (*kernel)(const NormGradientF32*)) {
  const bool has_sum = where.residual != kAbsent;
  const Tensor added = has_sum ? call.grad_outputs[1] : Tensor();
  if (!call.grad_outputs[0].defined()) {
    for (const int input : {where.weight, where.bias}) {
      if (!PartSums::wants(call, input)) continue;
      std::fill_n(call.grad_inputs[input].mutable_data<float>(), call.grad_inputs[input].num_elements(), 0.0F);
    }
    return added;
  }
  const Tensor& rows_in = has_sum ? call.outputs[1] : call.inputs[0];
  const std::int64_t columns = rows_in.size(-1), rows = columns == 0 ? 0 : rows_in.num_elements() / columns;
  const std::int64_t parts = (rows + kRowsPerPart - 1) / kRowsPerPart;
  Tensor dx = Tensor::empty(DType::float32, rows_in.shape());
  PartSums dweight(call, where.weight, parts, columns), dbias(call, where.bias, parts, columns);
  const NormGradientF32 whole{.rows = rows,
                              .columns = columns,
                              .x = rows_in.data<float>(),
                              .weight = values_or_null(call, where.weight),
                              .epsilon = static_cast<float>(call.attrs.real(0)),
                              .dy = call.grad_outputs[0].data<float>(),
                              .added = added.defined() ? added.data<float>() : nullptr,
                              .dx = dx.mutable_data<float>(),
                              .dweight = nullptr,
                              .dbias = nullptr};
  parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      const std::int64_t first = part * kRowsPerPart * columns;
      NormGradientF32 block = whole;
      block.rows = std::min(kRowsPerPart, rows - part * kRowsPerPart);
      block.x += first;
      block.dy += first;
      if (block.added != nullptr) block.added += first;
      block.dx += first;
      block.dweight = dweight.start(part);
      block.dbias = dbias.start(part);
      kernel(&block);
    }
  });
  dweight.finish(call, where.weight);
  dbias.finish(call, where.bias);
  return dx;
}

void vjp(VjpCall& call, const NormInputs& where, void (*kernel)(const NormGradientF32*)) {
  const Tensor dx = gradient_of_rows(call, where, kernel);
  for (const int input : {0, where.residual}) {
    if (PartSums::wants(call, input)) call.grad_inputs[input] = dx;
  }
  if (!PartSums::wants(call, where.input_bias)) return;
  Tensor& dbias = call.grad_inputs[where.input_bias];
  const std::int64_t columns = dbias.num_elements(), rows = columns == 0 ? 0 : dx.num_elements() / columns;
  sum_rows(dx.data<float>(), rows, columns, dbias.mutable_data<float>(), call.scratch);
}

template <const NormInputs& where>
void vjp_layer_norm(VjpCall& call) {
  vjp(call, where, kernels().layer_norm_gradient_f32);
}
template <const NormInputs& where>
void vjp_rms_norm(VjpCall& call) {
  vjp(call, where, kernels().rms_norm_gradient_f32);
}

/// What was normalised, and the weight.
VjpReads reads_of(const NormInputs& where) {
  if (where.residual == kAbsent) return {VjpReads::bits({0, where.weight})};
  return {VjpReads::bits({where.weight}), VjpReads::bits({1})};
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
                 .cost = cost,
                 .vjp = vjp_layer_norm<kLayerNorm>,
                 .vjp_reads = reads_of(kLayerNorm),
                 .differentiable = VjpReads::bits({0, 1, 2})});
  ops.push_back({.name = "rms_norm",
                 .inputs = {{"x"}, {"weight", kOptional}},
                 .attrs = {{"epsilon", 1e-6}},
                 .outputs = {{"y"}},
                 .infer = infer<kRmsNorm>,
                 .forward = forward_rms_norm<kRmsNorm>,
                 .cost = cost,
                 .vjp = vjp_rms_norm<kRmsNorm>,
                 .vjp_reads = reads_of(kRmsNorm),
                 .differentiable = VjpReads::bits({0, 1})});
  ops.push_back({.name = "add_layer_norm",
                 .inputs = {{"x"}, {"residual"}, {"weight", kOptional}, {"bias", kOptional}, {"input_bias", kOptional}},
                 .attrs = {{"epsilon", 1e-5}},
                 .outputs = {{"y"}, {"sum"}},
                 .infer = infer<kAddLayerNorm>,
                 .forward = forward_layer_norm<kAddLayerNorm>,
                 .cost = cost,
                 .vjp = vjp_layer_norm<kAddLayerNorm>,
                 .vjp_reads = reads_of(kAddLayerNorm),
                 .differentiable = VjpReads::bits({0, 1, 2, 3, 4})});
  ops.push_back({.name = "add_rms_norm",
                 .inputs = {{"x"}, {"residual"}, {"weight", kOptional}, {"input_bias", kOptional}},
                 .attrs = {{"epsilon", 1e-6}},
                 .outputs = {{"y"}, {"sum"}},
                 .infer = infer<kAddRmsNorm>,
                 .forward = forward_rms_norm<kAddRmsNorm>,
                 .cost = cost,
                 .vjp = vjp_rms_norm<kAddRmsNorm>,
                 .vjp_reads = reads_of(kAddRmsNorm),
                 .differentiable = VjpReads::bits({0, 1, 2, 3})});
}

}  // namespace pyseq
