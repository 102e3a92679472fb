// binary_cross_entropy: the loss of every logit and its target in [0, 1], with its gradient when that is asked for.
#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {
namespace {

enum Input { kLogits, kTargets, kPositiveWeight };
enum Output { kLoss, kGradient };
constexpr std::int64_t kValuesPerChunk = 4096;

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& logits = args.inputs[kLogits];
  const Tensor& targets = args.inputs[kTargets];
  check_dtype(args.label, "logits", logits, DType::float32);
  check_dtype(args.label, "targets", targets, DType::float32);
  if (!(targets.shape() == logits.shape())) {
    throw_shape(args.label, "targets", "shape " + targets.shape().to_string(),
                "the shape of logits " + logits.shape().to_string());
  }
  if (args.has(kPositiveWeight)) {
    check_min_rank(args.label, "logits", logits, 1);
    check_tensor(args.label, "pos_weight", args.inputs[kPositiveWeight], DType::float32, {logits.size(-1)},
                 "last dimension of logits " + logits.shape().to_string());
  }
  outputs[kLoss] = outputs[kGradient] = {DType::float32, logits.shape()};
}

void forward(OpCall& call) {
  const Tensor& logits = call.inputs[kLogits];
  if (logits.num_elements() == 0) return;
  // Without weights, rows may be cut anywhere.
  const bool is_weighted = call.has(kPositiveWeight), wants_gradient = call.outputs[kGradient].defined();
  const std::int64_t columns = is_weighted ? logits.size(-1) : 1;
  const float* x = logits.data<float>();
  const float* targets = call.inputs[kTargets].data<float>();
  const float* weight = is_weighted ? call.inputs[kPositiveWeight].data<float>() : nullptr;
  float* loss = call.outputs[kLoss].mutable_data<float>();
  float* gradient = wants_gradient ? call.outputs[kGradient].mutable_data<float>() : nullptr;
  parallel_for(logits.num_elements() / columns, kValuesPerChunk / columns + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 const std::int64_t first = begin * columns, rows = end - begin;
                 const BinaryCrossEntropyF32 block{.rows = is_weighted ? rows : 1,
                                                   .columns = is_weighted ? columns : rows,
                                                   .logits = x + first,
                                                   .targets = targets + first,
                                                   .weight = weight,
                                                   .loss = loss + first,
                                                   .gradient = gradient == nullptr ? nullptr : gradient + first};
                 kernels().binary_cross_entropy_f32(&block);
               });
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, 40);
}

void vjp(VjpCall& call) {
  const float* gradient = call.outputs[kGradient].data<float>();
  const float* dloss = call.grad_outputs[kLoss].data<float>();
  float* dlogits = call.grad_inputs[kLogits].mutable_data<float>();
  parallel_for(call.grad_outputs[kLoss].num_elements(), kValuesPerChunk, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t n = end - begin;
    const BinaryF32 product{.n = n, .period = n, .a = gradient + begin, .b = dloss + begin, .y = dlogits + begin};
    kernels().multiply_f32(&product);
  });
}

}  // namespace

void add_binary_loss_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "binary_cross_entropy",
                 .inputs = {{"logits"}, {"targets"}, {"pos_weight", InputKind::optional}},
                 .attrs = {},
                 .outputs = {{"loss"}, {.name = "gradient", .optional = true, .differentiable = false}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost,
                 .vjp = vjp,
                 .vjp_reads = {0, VjpReads::bits({kGradient})},
                 .differentiable = VjpReads::bits({kLogits})});
}

}  // namespace pyseq
