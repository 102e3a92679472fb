// FunctionPlan: a function for given input sizes. Shape rules have run, attributes that depend on sizes have values,
// and every intermediate value has its place in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "graph/compile.h"
#include "graph/loop_plan.h"
#include "graph/plan_cache.h"
#include "graph/state_impl.h"

namespace pyseq {

struct PlannedNode {
  std::optional<Attrs> attrs;  // when the node's attributes depend on sizes
  std::vector<int> slots;      // as OpDef::outputs; -1: not computed
  std::optional<LoopPlan> loop;
  std::size_t loop_offset = 0;  // of the loop's own memory
};

/// A slot is a value of the function, or an optional output that only a capture asks for (those come last).
struct FunctionPlan {
  static constexpr std::size_t kOutside = SIZE_MAX;

  std::vector<PlannedNode> nodes;
  std::vector<TensorType> slots;
  std::vector<std::size_t> offsets;  // of the slots; kOutside: inputs, and what outlives the run
  std::size_t bytes = 0;             // of the memory that a run needs
  std::vector<TensorType> outputs;   // as CompiledFunction::outputs
  std::vector<int> captured;         // the slot of each captured node
};

/// Makes plans, or finds them in a cache.
class Planner {
 public:
  Planner(const CompiledProgram& program, PlanCache& cache, const RunLimits& limits)
      : program_(program), cache_(cache), limits_(limits) {}

  /// `inputs` may be meta tensors. `captured`: nodes whose capturable output is wanted, ascending. Memory for outputs,
  /// updates and captures of public functions lies outside the plan, because they outlive the run.
  PlanPtr plan(int function, std::span<const Tensor> inputs, const StateView& state,
               std::span<const int> captured = {});

 private:
  const CompiledProgram& program_;
  PlanCache& cache_;
  const RunLimits& limits_;
};

}  // namespace pyseq
