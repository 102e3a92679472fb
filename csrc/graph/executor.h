// Running a planned function.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/arena.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "graph/profile_recorder.h"
#include "graph/state_impl.h"

namespace pyseq {

/// A planned function bound to memory: its values. The body of a loop is bound once and run every step.
class Frame {
 public:
  /// `memory` holds plan.bytes, aligned to kMemoryAlignment.
  Frame(const CompiledFunction& function, const FunctionPlan& plan, std::byte* memory);

  const CompiledFunction& function() const { return function_; }
  const FunctionPlan& plan() const { return plan_; }
  std::byte* memory() const { return memory_; }
  Tensor& slot(int index) { return slots_[index]; }  // inputs come first
  const Tensor& slot(int index) const { return slots_[index]; }

 private:
  const CompiledFunction& function_;
  const FunctionPlan& plan_;
  std::byte* memory_;
  std::vector<Tensor> slots_;
};

class Executor {
 public:
  /// `profile` may be null.
  Executor(const CompiledProgram& program, const StateView& state, Arena& scratch, const RunOptions& options,
           ProfileRecorder* profile = nullptr)
      : program_(program),
        state_(state),
        scratch_(scratch),
        limits_(options.limits),
        observe_(options.observe),
        profile_(profile) {}

  /// Runs all nodes; the frame's inputs are set. Appends to caches in place.
  void run(Frame& frame);
  /// What an operand stands for in a frame.
  const Tensor& read(const Frame& frame, const Operand& operand) const;

  const CompiledProgram& program() const { return program_; }
  const RunLimits& limits() const { return limits_; }

 private:
  void run_op(const CompiledNode& node, const PlannedNode& planned, Frame& frame);
  void keep_packed_parts(const CompiledNode& node, std::int64_t steps);
  void run_loop_node(const CompiledNode& node, const PlannedNode& planned, Frame& frame);

  const CompiledProgram& program_;
  const StateView& state_;
  Arena& scratch_;
  const RunLimits& limits_;
  const std::function<void(const ObservedOp&)>& observe_;
  ProfileRecorder* const profile_;
  Tensor absent_;
  // Arguments of the op that runs, kept so that their memory is reused.
  std::vector<Tensor> inputs_, outputs_;
  std::vector<KvCache*> caches_;
};

}  // namespace pyseq
