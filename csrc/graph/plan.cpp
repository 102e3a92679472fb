#include "graph/plan.h"

#include <algorithm>

#include "graph/arguments.h"
#include "graph/dims.h"
#include "graph/memory_plan.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

bool contains(std::span<const int> sorted, int value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}

void append_shape(PlanKey& key, const Shape& shape) {
  key.push_back(shape.rank());
  key.insert(key.end(), shape.begin(), shape.end());
}

/// The weights of an attention over a cache have one column per position held, so the plan depends on that number.
bool wants_optional_output(const CompiledNode& node, bool is_captured) {
  if (is_captured) return true;
  for (std::size_t i = 0; node.op != nullptr && i < node.outputs.size(); ++i) {
    if (node.op->outputs[i].optional && node.outputs[i] >= 0) return true;
  }
  return false;
}

/// Everything that shape rules see: the sizes of what the function reads.
PlanKey plan_key(const CompiledFunction& function, std::span<const Tensor> inputs, const StateView& state,
                 std::span<const int> captured) {
  PlanKey key{static_cast<std::int64_t>(captured.size())};
  key.insert(key.end(), captured.begin(), captured.end());
  for (const Tensor& input : inputs) append_shape(key, input.shape());
  for (const int index : function.reads) append_shape(key, state.tensors[index].shape());
  if (function.reads_rows) append_shape(key, state.row_map.shape());
  if (function.caches.empty()) return key;
  for (const int index : function.caches) key.push_back(state.caches[index]->rows());
  for (std::size_t i = 0; i < function.nodes.size(); ++i) {
    const CompiledNode& node = function.nodes[i];
    if (node.caches.empty() || !wants_optional_output(node, contains(captured, static_cast<int>(i)))) continue;
    for (const int index : node.caches) key.push_back(state.caches[index]->max_length());
  }
  return key;
}

/// Plans one function for one set of sizes.
class PlanBuilder {
 public:
  PlanBuilder(const CompiledFunction& function, std::span<const Tensor> inputs, const StateView& state,
              std::span<const int> captured, FunctionRef<PlanPtr(int, std::span<const Tensor>)> plan_function,
              const RunLimits& limits)
      : function_(function), state_(state), captured_(captured), plan_function_(plan_function), limits_(limits) {
    values_.resize(function.num_values);
    std::copy(inputs.begin(), inputs.end(), values_.begin());
  }

  FunctionPlan build() {
    plan_.slots.resize(values_.size());
    for (std::size_t i = 0; i < function_.inputs.size(); ++i) {
      plan_.slots[i] = {values_[i].dtype(), values_[i].shape()};
    }
    for (std::size_t i = 0; i < function_.nodes.size(); ++i) {
      limits_.check();
      const CompiledNode& node = function_.nodes[i];
      plan_.nodes.push_back(node.op != nullptr ? plan_op(node, static_cast<int>(i)) : plan_loop_node(node));
    }
    for (const auto& [name, operand] : function_.outputs) {
      const Tensor value = read(operand);
      plan_.outputs.push_back({value.dtype(), value.shape()});
    }
    place_in_memory();
    return std::move(plan_);
  }

 private:
  Tensor read(const Operand& operand) const {
    switch (operand.ref.kind) {
      case Kind::value:
        return values_[operand.ref.index];
      case Kind::weight:
        return operand.weight;
      case Kind::state:
        return state_.tensors[operand.ref.index];
      case Kind::rows:
        return state_.row_map;
      case Kind::absent:
        break;
    }
    return {};
  }

  std::vector<Tensor> read_inputs(const CompiledNode& node) const {
    std::vector<Tensor> inputs;
    for (const Operand& operand : node.inputs) inputs.push_back(read(operand));
    return inputs;
  }

  std::int64_t evaluate(const DimExpr& dim, std::string_view label) const {
    return evaluate_dim(dim, label, [&](const ValueRef& ref) { return read({ref, {}}).shape(); });
  }

  Attrs evaluate_attrs(const CompiledNode& node) const {
    auto named = node.constant_attrs;
    for (const auto& [name, dim] : node.sized_attrs) named.emplace_back(name, evaluate(dim, node.label));
    return normalize_attrs(*node.op, named, node.label);
  }

  PlannedNode plan_op(const CompiledNode& node, int index) {
    PlannedNode planned;
    if (!node.attrs) planned.attrs = evaluate_attrs(node);
    std::vector<KvCache*> caches;
    for (const int cache : node.caches) caches.push_back(state_.caches[cache].get());
    const std::vector<Tensor> inputs = read_inputs(node);
    std::vector<TensorType> types(node.op->outputs.size());
    node.op->infer({node.label, inputs, caches, node.attrs ? *node.attrs : *planned.attrs}, types);
    planned.slots = node.outputs;
    if (contains(captured_, index)) {
      int& slot = planned.slots[node.capturable];
      if (slot < 0) slot = add_slot();
      plan_.captured.push_back(slot);
    }
    define(planned.slots, types);
    return planned;
  }

  PlannedNode plan_loop_node(const CompiledNode& node) {
    PlannedNode planned;
    const bool is_repeat = node.loop->kind == LoopDef::Kind::repeat;
    const std::int64_t max_steps = is_repeat ? evaluate(node.loop->max_steps, node.label) : 0;
    planned.loop = plan_loop(node, read_inputs(node), max_steps, plan_function_);
    planned.slots = node.outputs;
    define(planned.slots, planned.loop->outputs);
    return planned;
  }

  int add_slot() {
    plan_.slots.emplace_back();
    return static_cast<int>(plan_.slots.size()) - 1;
  }

  void define(std::span<const int> slots, std::span<const TensorType> types) {
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (slots[i] < 0) continue;
      plan_.slots[slots[i]] = types[i];
      if (slots[i] < function_.num_values) values_[slots[i]] = Tensor::meta(types[i].dtype, types[i].shape);
    }
  }

  /// For each slot the last node that reads it; nodes.size() when it is needed after the last node, -1 when never.
  std::vector<int> last_readers() const {
    std::vector<int> last(plan_.slots.size(), -1);
    for (std::size_t i = 0; i < function_.nodes.size(); ++i) {
      const auto read_by_node = [&](const Operand& operand) {
        if (operand.ref.kind == Kind::value) last[operand.ref.index] = static_cast<int>(i);
      };
      for (const Operand& operand : function_.nodes[i].inputs) read_by_node(operand);
      if (function_.nodes[i].row_lengths) read_by_node(*function_.nodes[i].row_lengths);
    }
    const int end = static_cast<int>(function_.nodes.size());
    const auto keep = [&](const Operand& operand) {
      if (operand.ref.kind == Kind::value) last[operand.ref.index] = end;
    };
    for (const auto& [name, operand] : function_.outputs) keep(operand);
    for (const auto& [state, operand] : function_.updates) keep(operand);
    for (const int slot : plan_.captured) last[slot] = end;
    return last;
  }

  void place_in_memory() {
    const std::vector<int> last = last_readers();
    const int end = static_cast<int>(function_.nodes.size());
    plan_.offsets.assign(plan_.slots.size(), FunctionPlan::kOutside);
    std::vector<MemoryBlock> blocks;
    std::vector<std::size_t*> targets;  // where the offset of each block goes
    for (int i = 0; i < end; ++i) {
      PlannedNode& planned = plan_.nodes[i];
      for (const int slot : planned.slots) {
        if (slot < 0 || (function_.is_public && last[slot] == end)) continue;
        const TensorType& type = plan_.slots[slot];
        blocks.push_back({Tensor::meta(type.dtype, type.shape).num_bytes(), i, std::max(i, last[slot])});
        targets.push_back(&plan_.offsets[slot]);
      }
      if (!planned.loop) continue;
      blocks.push_back({planned.loop->bytes, i, i});
      targets.push_back(&planned.loop_offset);
    }
    const MemoryPlan memory = plan_memory(blocks);
    for (std::size_t i = 0; i < blocks.size(); ++i) *targets[i] = memory.offsets[i];
    plan_.bytes = memory.bytes;
  }

  const CompiledFunction& function_;
  const StateView& state_;
  std::span<const int> captured_;
  FunctionRef<PlanPtr(int, std::span<const Tensor>)> plan_function_;
  const RunLimits& limits_;
  FunctionPlan plan_;
  std::vector<Tensor> values_;  // inputs as given, the rest as types
};

}  // namespace

PlanPtr Planner::plan(int index, std::span<const Tensor> inputs, const StateView& state,
                      std::span<const int> captured) {
  const CompiledFunction& function = program_.functions[index];
  check_arguments(function, inputs);
  PlanKey key = plan_key(function, inputs, state, captured);
  if (PlanPtr found = cache_.find(index, key)) return found;
  const auto plan_body = [&](int body, std::span<const Tensor> given) { return plan(body, given, StateView()); };
  auto made =
      std::make_shared<FunctionPlan>(PlanBuilder(function, inputs, state, captured, plan_body, limits_).build());
  cache_.insert(index, std::move(key), made);
  return made;
}

}  // namespace pyseq
