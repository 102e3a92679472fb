#include "graph/executor.h"

#include <numeric>

#include "graph/control_flow.h"

namespace pyseq {
namespace {

std::int64_t count_steps(const Tensor& lengths) {
  const auto values = lengths.values<std::int64_t>();
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

/// The packed steps [1, steps, ...] of a tensor that has room for all of [batch, time, ...].
Tensor packed_part(const Tensor& whole, std::int64_t steps) {
  Shape shape = whole.shape();
  shape.set(0, 1);
  shape.set(1, steps);
  return Tensor::view(whole.dtype(), shape, const_cast<void*>(whole.raw()));
}

}  // namespace

Frame::Frame(const CompiledFunction& function, const FunctionPlan& plan, std::byte* memory)
    : function_(function), plan_(plan), memory_(memory), slots_(plan.slots.size()) {
  for (std::size_t i = function.inputs.size(); i < slots_.size(); ++i) {
    if (plan.offsets[i] == FunctionPlan::kOutside) continue;
    slots_[i] = Tensor::view(plan.slots[i].dtype, plan.slots[i].shape, memory + plan.offsets[i]);
  }
}

void Executor::run(Frame& frame) {
  const std::vector<CompiledNode>& nodes = frame.function().nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    limits_.check();
    const PlannedNode& planned = frame.plan().nodes[i];
    for (const int slot : planned.slots) {
      if (slot < 0 || frame.plan().offsets[slot] != FunctionPlan::kOutside) continue;
      frame.slot(slot) = Tensor::empty(frame.plan().slots[slot].dtype, frame.plan().slots[slot].shape);
    }
    if (planned.loop) {
      run_loop_node(nodes[i], planned, frame);
    } else {
      run_op(nodes[i], planned, frame);
    }
  }
}

const Tensor& Executor::read(const Frame& frame, const Operand& operand) const {
  switch (operand.ref.kind) {
    case ValueRef::Kind::value:
      return frame.slot(operand.ref.index);
    case ValueRef::Kind::weight:
      return operand.weight;
    case ValueRef::Kind::state:
      return state_.tensors[operand.ref.index];
    case ValueRef::Kind::rows:
      return state_.row_map;
    case ValueRef::Kind::absent:
      break;
  }
  return absent_;
}

/// What does not depend on its place in the batch is computed as one sequence of all valid steps.
void Executor::keep_packed_parts(const CompiledNode& node, std::int64_t steps) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if ((node.packed_inputs >> i & 1) != 0) inputs_[i] = packed_part(inputs_[i], steps);
  }
  for (Tensor& output : outputs_) {
    if (output.defined()) output = packed_part(output, steps);
  }
}

void Executor::run_op(const CompiledNode& node, const PlannedNode& planned, Frame& frame) {
  inputs_.clear();
  outputs_.clear();
  caches_.clear();
  for (const Operand& operand : node.inputs) inputs_.push_back(read(frame, operand));
  for (const int slot : planned.slots) outputs_.push_back(slot < 0 ? Tensor() : frame.slot(slot));
  for (const int cache : node.caches) caches_.push_back(state_.caches[cache].get());
  if (node.row_lengths) keep_packed_parts(node, count_steps(read(frame, *node.row_lengths)));
  scratch_.reset();
  OpCall call{{node.label, inputs_, caches_, node.attrs ? *node.attrs : *planned.attrs}, outputs_, scratch_, limits_};
  if (profile_ != nullptr) {
    const auto span = profile_->op(frame.function(), node, call);
    node.op->forward(call);
  } else {
    node.op->forward(call);
  }
  if (observe_) observe_({node.op->name, node.label, inputs_, outputs_});
}

void Executor::run_loop_node(const CompiledNode& node, const PlannedNode& planned, Frame& frame) {
  std::vector<Tensor> inputs, outputs;
  for (const Operand& operand : node.inputs) inputs.push_back(read(frame, operand));
  for (const int slot : planned.slots) outputs.push_back(frame.slot(slot));
  std::optional<ProfileRecorder::Span> span;
  if (profile_ != nullptr) span.emplace(profile_->loop(frame.function(), node));
  run_loop(node, *planned.loop, inputs, outputs, frame.memory() + planned.loop_offset, *this);
}

}  // namespace pyseq
