#include <algorithm>

#include "base/arena.h"
#include "base/threads.h"
#include "graph/arguments.h"
#include "graph/capture.h"
#include "graph/executor.h"
#include "graph/plan.h"
#include "graph/program_impl.h"
#include "graph/state_transaction.h"

namespace pyseq {
namespace {

[[noreturn]] void throw_value(const CompiledFunction& function, const std::string& problem) {
  throw ValueError(function.name + ": " + problem);
}

/// The state is there, belongs to the program, has memory where it is read, and as many rows as the inputs.
void check_state(const Program& program, const CompiledFunction& function, std::span<const Tensor> inputs,
                 const State::Impl* state) {
  if (!function.uses_state()) return;
  if (state == nullptr) throw_value(function, "the function uses state, but none was given (Session::new_state)");
  if (state->program.get() != &program) throw_value(function, "the state belongs to another program");
  for (const int index : function.reads) {
    if (state->tensors[index].defined()) continue;
    const StateInfo& info = program.state()[index];
    throw_value(function, std::string(state_kind_name(info.kind)) + " \"" + info.name +
                              "\" has not been written by any function yet");
  }
  const std::int64_t batch = size_of_dim(function, inputs, "batch");
  if (function.reads_rows_of_state && !function.writes_memory && batch >= 0 && batch != state->rows) {
    throw ShapeError(function.name + ": the inputs have batch " + std::to_string(batch) + ", but the state has " +
                     std::to_string(state->rows) + " rows");
  }
}

/// Hands values of a finished run out. What the run made itself is handed out once without a copy; inputs, weights,
/// state and second names of a value are copied, so that nothing outside shares memory by surprise.
class Results {
 public:
  Results(const Executor& executor, const Frame& frame)
      : executor_(executor), frame_(frame), handed_out_(frame.plan().slots.size(), false) {}

  Tensor take(const Operand& operand) {
    if (operand.ref.kind != ValueRef::Kind::value) return executor_.read(frame_, operand).copy();
    return take_slot(operand.ref.index);
  }

  Tensor take_slot(int slot) {
    const bool is_input = slot < static_cast<int>(frame_.function().inputs.size());
    const bool shared = is_input || handed_out_[slot];
    handed_out_[slot] = true;
    return shared ? frame_.slot(slot).copy() : frame_.slot(slot);
  }

 private:
  const Executor& executor_;
  const Frame& frame_;
  std::vector<bool> handed_out_;
};

}  // namespace

struct Session::Impl {
  std::shared_ptr<const Program> program;
  PlanCache plans;
  Arena scratch;                 // what single ops need for a moment
  std::shared_ptr<void> memory;  // intermediate values: as large as the largest plan that has run
  std::size_t memory_bytes = 0;

  std::byte* memory_for(const FunctionPlan& plan) {
    if (plan.bytes > memory_bytes) {
      memory.reset();
      memory_bytes = 0;
      memory = MemoryPool::allocate(plan.bytes);
      memory_bytes = plan.bytes;
    }
    return static_cast<std::byte*>(memory.get());
  }
};

Session::Session(std::shared_ptr<const Program> program) : impl_(std::make_unique<Impl>()) {
  if (program == nullptr) throw ValueError("session: there is no program");
  impl_->program = std::move(program);
}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

const Program& Session::program() const {
  return *impl_->program;
}

std::shared_ptr<const Program> Session::shared_program() const {
  return impl_->program;
}

State Session::new_state(std::int64_t rows) const {
  State state;
  *state.impl_ = make_state(impl_->program, rows);
  return state;
}

std::size_t Session::workspace_bytes() const {
  return impl_->memory_bytes + impl_->scratch.capacity();
}

RunResult Session::run(std::string_view name, const NamedTensors& given, State* state, const RunOptions& options) {
  const CompiledProgram& compiled = impl_->program->impl().compiled;
  impl_->program->check_function(name);
  const int index = compiled.function_index.find(name)->second;
  const CompiledFunction& function = compiled.functions[index];
  options.limits.check();
  std::optional<ProfileRecorder> profile;
  std::optional<ProfileRecorder::Span> span;
  if (Profile* active = ProfileRecorder::active(*impl_->program)) {
    profile.emplace(*active, impl_->program);
    span.emplace(profile->function(function));
  }

  const std::vector<Tensor> inputs = collect_arguments(function, given);
  check_arguments(function, inputs);
  State::Impl* state_impl = function.uses_state() && state != nullptr ? state->impl_.get() : nullptr;
  check_state(*impl_->program, function, inputs, state_impl);
  const std::vector<Capture> captures = find_captures(compiled, function, options.capture);
  std::vector<int> captured;
  for (const Capture& capture : captures) captured.push_back(capture.node);

  const StateView view = state_impl == nullptr ? StateView() : StateView(*state_impl);
  const PlanPtr plan = Planner(compiled, impl_->plans, options.limits).plan(index, inputs, view, captured);
  Frame frame(function, *plan, impl_->memory_for(*plan));
  for (std::size_t i = 0; i < inputs.size(); ++i) frame.slot(static_cast<int>(i)) = inputs[i];

  StateTransaction transaction(function, state_impl);
  Executor executor(compiled, view, impl_->scratch, options, profile ? &*profile : nullptr);
  with_team([&] { executor.run(frame); });

  RunResult result;
  Results results(executor, frame);
  for (const auto& [output, operand] : function.outputs) result.outputs[output] = results.take(operand);
  for (std::size_t i = 0; i < captures.size(); ++i) {
    result.captures[captures[i].path] = results.take_slot(plan->captured[i]);
  }
  std::vector<std::pair<int, Tensor>> updates;
  for (const auto& [target, operand] : function.updates) updates.emplace_back(target, results.take(operand));
  transaction.prepare(std::move(updates));
  transaction.commit();
  return result;
}

}  // namespace pyseq
