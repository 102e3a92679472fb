// LoopPlan: a scan or repeat for given input sizes: the plan of its body, and the layout of its own memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/threads.h"
#include "graph/compile.h"
#include "graph/plan_cache.h"

namespace pyseq {

struct LoopPlan {
  PlanPtr body, until;              // until: null unless the loop has one
  std::int64_t steps = 0;           // scan: time; repeat: the most steps
  Shape positions;                  // what halts on its own: scan [batch], repeat: the mask's shape
  std::vector<TensorType> xs;       // scan: one step's slice, [batch, ...]
  std::vector<TensorType> states;   // [batch, ...]
  std::vector<TensorType> outputs;  // of the node

  // Offsets inside the loop's memory.
  std::vector<std::size_t> x_offsets;
  std::array<std::vector<std::size_t>, 2> state_offsets;  // the states before and after a step
  std::size_t function_offset = 0;                        // body and until take turns
  std::size_t bytes = 0;
};

/// `inputs` as CompiledNode::inputs; plan_function(function, inputs) plans a body. ShapeError, DTypeError, ValueError.
LoopPlan plan_loop(const CompiledNode& node, std::span<const Tensor> inputs, std::int64_t max_steps,
                   FunctionRef<PlanPtr(int, std::span<const Tensor>)> plan_function);

}  // namespace pyseq
