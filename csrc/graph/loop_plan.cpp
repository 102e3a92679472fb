#include "graph/loop_plan.h"

#include <algorithm>

#include "graph/memory_plan.h"
#include "graph/plan.h"

namespace pyseq {
namespace {

using PlanFunction = FunctionRef<PlanPtr(int, std::span<const Tensor>)>;

std::string describe(DType dtype, const Shape& shape) {
  return std::string(dtype_name(dtype)) + " " + shape.to_string();
}

std::size_t bytes_of(const TensorType& type) {
  return Tensor::meta(type.dtype, type.shape).num_bytes();
}

Tensor meta(const TensorType& type) {
  return Tensor::meta(type.dtype, type.shape);
}

/// [batch, time, ...] -> [batch, ...]
Shape without_time(const Shape& shape) {
  std::vector<std::int64_t> sizes(shape.begin(), shape.end());
  sizes.erase(sizes.begin() + 1);
  return Shape(sizes);
}

/// [batch, ...] -> [batch, time, ...]
Shape with_time(const Shape& shape, std::int64_t time) {
  std::vector<std::int64_t> sizes(shape.begin(), shape.end());
  sizes.insert(sizes.begin() + 1, time);
  return Shape(sizes);
}

[[noreturn]] void throw_shape(const CompiledNode& node, const std::string& problem) {
  throw ShapeError(node.label + ": " + problem);
}

/// The body's new states have the types of the old ones.
void check_states(const CompiledNode& node, const LoopPlan& plan) {
  const int first = node.loop->ys;
  for (std::size_t i = 0; i < plan.states.size(); ++i) {
    const TensorType& before = plan.states[i];
    const TensorType& after = plan.body->outputs[first + i];
    if (before.dtype != after.dtype || !(before.shape == after.shape)) {
      throw_shape(node, "state " + std::to_string(i) + " is " + describe(after.dtype, after.shape) +
                            " after a step, expected " + describe(before.dtype, before.shape) + " as before it");
    }
  }
}

void lay_out(LoopPlan& plan) {
  SequentialLayout layout;
  for (const TensorType& x : plan.xs) plan.x_offsets.push_back(layout.add(bytes_of(x)));
  for (auto& offsets : plan.state_offsets) {
    for (const TensorType& state : plan.states) offsets.push_back(layout.add(bytes_of(state)));
  }
  plan.function_offset = layout.add(std::max(plan.body->bytes, plan.until ? plan.until->bytes : 0));
  plan.bytes = layout.bytes();
}

/// What every step's functions are given: slices of xs, states, then consts.
std::vector<Tensor> step_inputs(const CompiledNode& node, const LoopPlan& plan, std::span<const Tensor> inputs) {
  std::vector<Tensor> result;
  for (const TensorType& x : plan.xs) result.push_back(meta(x));
  for (const TensorType& state : plan.states) result.push_back(meta(state));
  const std::span<const Tensor> consts = inputs.subspan(node.loop->xs + node.loop->states, node.loop->consts);
  result.insert(result.end(), consts.begin(), consts.end());
  return result;
}

void check_scan_inputs(const CompiledNode& node, std::span<const Tensor> inputs) {
  const LoopDef& loop = *node.loop;
  const Tensor& first = inputs[0];
  for (int i = 0; i < loop.xs; ++i) {
    const Shape& shape = inputs[i].shape();
    if (shape.rank() < 2 || (first.rank() >= 2 && (shape[0] != first.size(0) || shape[1] != first.size(1)))) {
      throw_shape(node, "sequence " + std::to_string(i) + " has shape " + shape.to_string() +
                            ", expected [batch, time, ...]" +
                            (i == 0 ? "" : " with batch and time of sequence 0, " + first.shape().to_string()));
    }
  }
  for (int i = 0; i < loop.states; ++i) {
    const Shape& shape = inputs[loop.xs + i].shape();
    if (shape.rank() < 1 || shape[0] != first.size(0)) {
      throw_shape(node, "state " + std::to_string(i) + " has shape " + shape.to_string() + ", expected [" +
                            std::to_string(first.size(0)) + ", ...] (batch of the sequences)");
    }
  }
  const Tensor& lengths = inputs.back();
  if (!lengths.defined()) return;
  if (lengths.dtype() != DType::int64 || !(lengths.shape() == Shape{first.size(0)})) {
    throw_shape(node, "lengths are " + describe(lengths.dtype(), lengths.shape()) + ", expected int64 [" +
                          std::to_string(first.size(0)) + "] (batch of the sequences)");
  }
}

LoopPlan plan_scan(const CompiledNode& node, std::span<const Tensor> inputs, PlanFunction plan_function) {
  const LoopDef& loop = *node.loop;
  check_scan_inputs(node, inputs);
  LoopPlan plan;
  plan.positions = Shape{inputs[0].size(0)};
  plan.steps = inputs[0].size(1);
  for (int i = 0; i < loop.xs; ++i) plan.xs.push_back({inputs[i].dtype(), without_time(inputs[i].shape())});
  for (const Tensor& state : inputs.subspan(loop.xs, loop.states)) {
    plan.states.push_back({state.dtype(), state.shape()});
  }
  plan.body = plan_function(loop.body, step_inputs(node, plan, inputs));
  check_states(node, plan);
  for (int i = 0; i < loop.ys; ++i) {
    const TensorType& y = plan.body->outputs[i];
    if (y.shape.rank() < 1 || y.shape[0] != plan.positions[0] || y.shape.rank() == kMaxRank) {
      throw_shape(node, "output " + std::to_string(i) + " of a step has shape " + y.shape.to_string() + ", expected [" +
                            std::to_string(plan.positions[0]) + ", ...] (batch of the sequences)");
    }
    plan.outputs.push_back({y.dtype, with_time(y.shape, plan.steps)});
  }
  plan.outputs.insert(plan.outputs.end(), plan.states.begin(), plan.states.end());
  return plan;
}

bool is_prefix(const Shape& prefix, const Shape& shape) {
  return prefix.rank() <= shape.rank() && std::equal(prefix.begin(), prefix.end(), shape.begin());
}

LoopPlan plan_repeat(const CompiledNode& node, std::span<const Tensor> inputs, std::int64_t max_steps,
                     PlanFunction plan_function) {
  const LoopDef& loop = *node.loop;
  if (max_steps < 0) {
    throw ValueError(node.label + ": max_steps is " + std::to_string(max_steps) + ", expected at least 0");
  }
  LoopPlan plan;
  plan.steps = max_steps;
  for (const Tensor& state : inputs.first(loop.states)) plan.states.push_back({state.dtype(), state.shape()});
  const std::vector<Tensor> given = step_inputs(node, plan, inputs);
  plan.body = plan_function(loop.body, given);
  check_states(node, plan);
  if (loop.until >= 0) {
    plan.until = plan_function(loop.until, given);
    plan.positions = plan.until->outputs[0].shape;
  } else {
    if (inputs[0].rank() < 1) throw_shape(node, "state 0 has shape [], expected [batch, ...]");
    plan.positions = Shape{inputs[0].size(0)};
  }
  for (std::size_t i = 0; plan.until && i < plan.states.size(); ++i) {
    if (is_prefix(plan.positions, plan.states[i].shape)) continue;
    throw_shape(node, "state " + std::to_string(i) + " has shape " + plan.states[i].shape.to_string() +
                          ", expected one that begins with " + plan.positions.to_string() + " (the mask of until)");
  }
  plan.outputs = plan.states;
  plan.outputs.push_back({DType::int64, plan.positions});
  return plan;
}

}  // namespace

LoopPlan plan_loop(const CompiledNode& node, std::span<const Tensor> inputs, std::int64_t max_steps,
                   PlanFunction plan_function) {
  LoopPlan plan = node.loop->kind == LoopDef::Kind::scan ? plan_scan(node, inputs, plan_function)
                                                         : plan_repeat(node, inputs, max_steps, plan_function);
  lay_out(plan);
  return plan;
}

}  // namespace pyseq
