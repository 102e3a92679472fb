// cross_entropy: the loss of each position from its logits and target class, with its gradient when that is asked for.
#include <numeric>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"

namespace pyseq {
namespace {

enum Input { kLogits, kTargets, kWeight };
enum Attribute { kIgnoreIndex, kLabelSmoothing };
enum Output { kLoss, kGradient };
constexpr std::int64_t kValuesPerChunk = 4096;

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& logits = args.inputs[kLogits];
  const Tensor& targets = args.inputs[kTargets];
  check_dtype(args.label, "logits", logits, DType::float32);
  check_min_rank(args.label, "logits", logits, 1);
  check_dtype(args.label, "targets", targets, DType::int64);
  const Shape positions(std::span(logits.shape().begin(), logits.shape().end() - 1));
  if (!(targets.shape() == positions)) {
    throw_shape(args.label, "targets", "shape " + targets.shape().to_string(),
                positions.to_string() + " (logits " + logits.shape().to_string() + " without the last dimension)");
  }
  if (args.has(kWeight)) {
    check_tensor(args.label, "weight", args.inputs[kWeight], DType::float32, {logits.size(-1)},
                 "last dimension of logits " + logits.shape().to_string());
  }
  const double smoothing = args.attrs.real(kLabelSmoothing);
  if (!(smoothing >= 0.0 && smoothing <= 1.0)) {
    throw_value(args.label, "label_smoothing", std::to_string(smoothing), "0 to 1");
  }
  outputs[kLoss] = {DType::float32, positions};
  outputs[kGradient] = {DType::float32, logits.shape()};
}

void check_targets(const OpArgs& args) {
  const std::int64_t classes = args.inputs[kLogits].size(-1), ignored = args.attrs.integer(kIgnoreIndex);
  for (const std::int64_t& target : args.inputs[kTargets].values<std::int64_t>()) {
    if (target == ignored) continue;
    check_indices(args.label, "targets", std::span(&target, 1), classes,
                  "the " + std::to_string(classes) + " classes of logits");
  }
}

void forward(OpCall& call) {
  check_targets(call);
  const std::int64_t classes = call.inputs[kLogits].size(-1), rows = call.inputs[kTargets].num_elements();
  float weight_sum = static_cast<float>(classes);
  if (call.has(kWeight)) {
    const auto weights = call.inputs[kWeight].values<float>();
    weight_sum = static_cast<float>(std::accumulate(weights.begin(), weights.end(), 0.0));
  }
  const bool wants_gradient = call.outputs[kGradient].defined();
  const CrossEntropyF32 whole{.rows = rows,
                              .classes = classes,
                              .logits = call.inputs[kLogits].data<float>(),
                              .targets = call.inputs[kTargets].data<std::int64_t>(),
                              .weight = call.has(kWeight) ? call.inputs[kWeight].data<float>() : nullptr,
                              .weight_sum = weight_sum,
                              .smoothing = static_cast<float>(call.attrs.real(kLabelSmoothing)),
                              .ignore_index = call.attrs.integer(kIgnoreIndex),
                              .loss = call.outputs[kLoss].mutable_data<float>(),
                              .gradient = wants_gradient ? call.outputs[kGradient].mutable_data<float>() : nullptr};
  parallel_for(rows, kValuesPerChunk / (classes + 1) + 1, [&](std::int64_t begin, std::int64_t end) {
    CrossEntropyF32 block = whole;
    block.rows = end - begin;
    block.logits += begin * classes;
    block.targets += begin;
    block.loss += begin;
    if (wants_gradient) block.gradient += begin * classes;
    kernels().cross_entropy_f32(&block);
  });
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return {25.0 * static_cast<double>(args.inputs[kLogits].num_elements()), bytes_moved(args, outputs)};
}

void vjp(VjpCall& call) {
  scale_rows(call.outputs[kGradient], call.grad_outputs[kLoss], call.grad_inputs[kLogits]);
}

}  // namespace

void add_loss_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "cross_entropy",
                 .inputs = {{"logits"}, {"targets"}, {"weight", InputKind::optional}},
                 .attrs = {{"ignore_index", std::int64_t{-100}}, {"label_smoothing", 0.0}},
                 .outputs = {{"loss"}, {.name = "gradient", .optional = true, .differentiable = false}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost,
                 .vjp = vjp,
                 .vjp_reads = {0, VjpReads::bits({kGradient})},
                 .differentiable = VjpReads::bits({kLogits})});
}

}  // namespace pyseq
