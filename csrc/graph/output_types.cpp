#include "graph/output_types.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "graph/plan.h"

namespace pyseq {
namespace {

using Types = std::vector<TensorType>;

// A file may nest loops so that planning takes long; loading it shall not.
constexpr std::chrono::milliseconds kBudget{100};

/// Plans every function with sizes of its own choice: the same name has the same size in all functions.
class Probe {
 public:
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  Probe(const CompiledProgram& program, std::int64_t first_size, const RunLimits& limits)
      : program_(program), limits_(limits), next_size_(first_size), rows_(size_of("batch")) {
    state_.row_map = Tensor::meta(DType::int64, {rows_});
    for (const StateInfo& info : program.states) {
      tensors_.push_back(info.kind == StateKind::carry ? Tensor::meta(info.dtype, carry_shape(info, rows_)) : Tensor());
      caches_.push_back(info.kind == StateKind::cache ? initial_cache(info, rows_) : nullptr);
    }
    state_.tensors = tensors_;
    state_.caches = caches_;
  }

  std::int64_t size_of(const std::string& name) {
    const auto [place, is_new] = sizes_.emplace(name, next_size_);
    // Far apart, so that a size plus a small number does not look like another size.
    if (is_new) next_size_ += 14;
    return place->second;
  }

  Types run(int index) {
    const CompiledFunction& function = program_.functions[index];
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < function.inputs.size(); ++i) {
      std::vector<std::int64_t> sizes;
      for (const CompiledDim& dim : function.dims[i]) {
        sizes.push_back(dim.name < 0 ? dim.size : size_of(function.dim_names[dim.name]));
      }
      inputs.push_back(Tensor::meta(function.inputs[i].dtype, Shape(sizes)));
    }
    for (const int state : function.reads) {
      if (!tensors_[state].defined()) throw ValueError("a state is read before a function has written it");
    }
    const PlanPtr plan = Planner(program_, plans_, limits_).plan(index, inputs, state_);
    for (const auto& [state, operand] : function.updates) {
      const StateKind kind = program_.states[state].kind;
      const bool has_own_shape = kind == StateKind::memory || kind == StateKind::varying;
      if (!has_own_shape || operand.ref.kind != ValueRef::Kind::value) continue;
      const TensorType& type = plan->slots[operand.ref.index];
      tensors_[state] = Tensor::meta(type.dtype, type.shape);
    }
    return plan->outputs;
  }

 private:
  const CompiledProgram& program_;
  const RunLimits& limits_;
  PlanCache plans_;
  std::map<std::string, std::int64_t> sizes_;
  std::int64_t next_size_, rows_;
  std::vector<Tensor> tensors_;
  std::vector<std::unique_ptr<KvCache>> caches_;
  StateView state_;
};

struct Probes {
  Probe first, second;
};

std::string describe_size(const CompiledFunction& function, Probes& probes, std::int64_t first, std::int64_t second) {
  for (const std::string& name : function.dim_names) {
    if (probes.first.size_of(name) == first && probes.second.size_of(name) == second) return name;
  }
  return first == second ? std::to_string(first) : "?";
}

void describe(const CompiledFunction& function, int index, Probes& probes, std::vector<ArgumentInfo>& outputs) {
  const Types first = probes.first.run(index), second = probes.second.run(index);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    outputs[i].dtype = first[i].dtype;
    if (first[i].shape.rank() != second[i].shape.rank()) continue;
    outputs[i].dims.clear();
    for (int axis = 0; axis < first[i].shape.rank(); ++axis) {
      outputs[i].dims.push_back(describe_size(function, probes, first[i].shape[axis], second[i].shape[axis]));
    }
  }
}

}  // namespace

std::vector<std::vector<ArgumentInfo>> describe_outputs(const CompiledProgram& program) {
  std::vector<std::vector<ArgumentInfo>> result;
  for (const CompiledFunction& function : program.functions) {
    std::vector<ArgumentInfo>& outputs = result.emplace_back();
    for (const auto& [name, operand] : function.outputs) outputs.push_back({name, DType::float32, {"..."}});
  }
  const RunLimits limits = RunLimits::within(kBudget);
  try {
    Probes probes{{program, 11, limits}, {program, 18, limits}};
    for (std::size_t i = 0; i < result.size(); ++i) {
      try {
        describe(program.functions[i], static_cast<int>(i), probes, result[i]);
      } catch (const Error&) {
        // These sizes do not suit the function, or planning takes too long: its outputs stay undescribed.
      }
    }
  } catch (const Error&) {
    // No state can be made for this program: creating one will say why.
  }
  return result;
}

}  // namespace pyseq
