// softmax and log_softmax over the last dimension.
#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {
namespace {

constexpr std::int64_t kValuesPerChunk = 4096;

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[0];
  check_dtype(args.label, "x", x, DType::float32);
  check_min_rank(args.label, "x", x, 1);
  outputs[0] = {DType::float32, x.shape()};
}

void forward_rows(OpCall& call, void (*kernel)(const RowwiseF32*)) {
  const Tensor& x = call.inputs[0];
  if (x.num_elements() == 0) return;
  const std::int64_t columns = x.size(-1);
  const float* in = x.data<float>();
  float* out = call.outputs[0].mutable_data<float>();
  parallel_for(x.num_elements() / columns, kValuesPerChunk / columns + 1, [&](std::int64_t begin, std::int64_t end) {
    const RowwiseF32 block{
        .rows = end - begin, .columns = columns, .x = in + begin * columns, .y = out + begin * columns};
    kernel(&block);
  });
}

void forward_softmax(OpCall& call) {
  forward_rows(call, kernels().softmax_f32);
}
void forward_log_softmax(OpCall& call) {
  forward_rows(call, kernels().log_softmax_f32);
}

/// Both gradients are told from y.
void vjp_rows(VjpCall& call, void (*kernel)(const SoftmaxGradientF32*)) {
  const Tensor& y = call.outputs[0];
  if (y.num_elements() == 0) return;
  const std::int64_t columns = y.size(-1);
  const float* values = y.data<float>();
  const float* dy = call.grad_outputs[0].data<float>();
  float* dx = call.grad_inputs[0].mutable_data<float>();
  parallel_for(y.num_elements() / columns, kValuesPerChunk / columns + 1, [&](std::int64_t begin, std::int64_t end) {
    const SoftmaxGradientF32 block{.rows = end - begin,
                                   .columns = columns,
                                   .y = values + begin * columns,
                                   .dy = dy + begin * columns,
                                   .dx = dx + begin * columns};
    kernel(&block);
  });
}

void vjp_softmax(VjpCall& call) {
  vjp_rows(call, kernels().softmax_gradient_f32);
}
void vjp_log_softmax(VjpCall& call) {
  vjp_rows(call, kernels().log_softmax_gradient_f32);
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, 25);
}

OpDef softmax_op(std::string_view name, void (*forward)(OpCall&), void (*vjp)(VjpCall&)) {
  return {.name = name,
          .inputs = {{"x"}},
          .attrs = {},
          .outputs = {{"y"}},
          .infer = infer,
          .forward = forward,
          .cost = cost,
          .vjp = vjp,
          .vjp_reads = {0, VjpReads::bits({0})},
          .differentiable = VjpReads::bits({0})};
}

}  // namespace

void add_softmax_ops(std::vector<OpDef>& ops) {
  ops.push_back(softmax_op("softmax", forward_softmax, vjp_softmax));
  ops.push_back(softmax_op("log_softmax", forward_log_softmax, vjp_log_softmax));
}

}  // namespace pyseq
