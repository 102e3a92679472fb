// top_k and argmax over the last dimension.
#include <algorithm>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {
namespace {

constexpr std::int64_t kValuesPerChunk = 32768;

void check_x(const OpArgs& args) {
  check_dtype(args.label, "x", args.inputs[0], DType::float32);
  check_min_rank(args.label, "x", args.inputs[0], 1);
}

void infer_top_k(const OpArgs& args, std::span<TensorType> outputs) {
  check_x(args);
  const Tensor& x = args.inputs[0];
  const std::int64_t k = args.attrs.integer(0);
  if (k < 1 || k > x.size(-1)) {
    throw_value(args.label, "k", std::to_string(k),
                "1 to " + std::to_string(x.size(-1)) + " (last dimension of x " + x.shape().to_string() + ")");
  }
  outputs[0] = {DType::float32, x.shape().with(-1, k)};
  outputs[1] = {DType::int64, x.shape().with(-1, k)};
}

void infer_argmax(const OpArgs& args, std::span<TensorType> outputs) {
  check_x(args);
  const Tensor& x = args.inputs[0];
  if (x.size(-1) == 0) {
    throw_shape(args.label, "x", "shape " + x.shape().to_string(), "a last dimension that is not empty");
  }
  outputs[0] = {DType::int64, Shape(std::span(x.shape().begin(), x.shape().end() - 1))};
}

void find_largest(const Tensor& x, std::int64_t k, float* values, std::int64_t* indices) {
  if (x.num_elements() == 0) return;
  const std::int64_t columns = x.size(-1);
  const float* in = x.data<float>();
  parallel_for(x.num_elements() / columns, kValuesPerChunk / columns + 1, [&](std::int64_t begin, std::int64_t end) {
    const TopKF32 block{.rows = end - begin,
                        .columns = columns,
                        .k = k,
                        .x = in + begin * columns,
                        .values = values + begin * k,
                        .indices = indices + begin * k};
    kernels().top_k_f32(&block);
  });
}

void forward_top_k(OpCall& call) {
  find_largest(call.inputs[0], call.attrs.integer(0), call.outputs[0].mutable_data<float>(),
               call.outputs[1].mutable_data<std::int64_t>());
}

void forward_argmax(OpCall& call) {
  float* values = call.scratch.allocate<float>(call.outputs[0].num_elements());
  find_largest(call.inputs[0], 1, values, call.outputs[0].mutable_data<std::int64_t>());
}

/// Every value is looked at once.
OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return {static_cast<double>(args.inputs[0].num_elements()), bytes_moved(args, outputs)};
}

/// dx is dy where the largest values stand, else 0.
void vjp_top_k(VjpCall& call) {
  Tensor& dx = call.grad_inputs[0];
  const std::int64_t columns = dx.size(-1), k = call.attrs.integer(0);
  const std::int64_t* indices = call.outputs[1].data<std::int64_t>();
  const float* dy = call.grad_outputs[0].data<float>();
  float* out = dx.mutable_data<float>();
  parallel_for(dx.num_elements() / columns, kValuesPerChunk / columns + 1, [&](std::int64_t begin, std::int64_t end) {
    std::fill(out + begin * columns, out + end * columns, 0.0F);
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t i = row * k; i < (row + 1) * k; ++i) out[row * columns + indices[i]] = dy[i];
    }
  });
}

}  // namespace

void add_top_k_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "top_k",
                 .inputs = {{"x"}},
                 .attrs = {{.name = "k", .default_value = std::int64_t{0}, .required = true}},
                 .outputs = {{"values"}, {"indices"}},
                 .infer = infer_top_k,
                 .forward = forward_top_k,
                 .cost = cost,
                 .vjp = vjp_top_k,
                 .vjp_reads = {0, VjpReads::bits({1})},
                 .differentiable = VjpReads::bits({0})});
  ops.push_back({.name = "argmax",
                 .inputs = {{"x"}},
                 .attrs = {},
                 .outputs = {{"index"}},
                 .infer = infer_argmax,
                 .forward = forward_argmax,
                 .cost = cost});
}

}  // namespace pyseq
