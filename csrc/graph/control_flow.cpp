#include "graph/control_flow.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "ops/checks.h"

namespace pyseq {
namespace {

std::vector<Tensor> views(std::span<const TensorType> types, std::span<const std::size_t> offsets, std::byte* memory) {
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < types.size(); ++i) {
    result.push_back(Tensor::view(types[i].dtype, types[i].shape, memory + offsets[i]));
  }
  return result;
}

void copy_all(const Tensor& from, Tensor& to) {
  if (to.num_bytes() > 0) std::memcpy(to.mutable_raw(), from.raw(), to.num_bytes());
}

void fill_zero(Tensor& tensor) {
  if (tensor.num_bytes() > 0) std::memset(tensor.mutable_raw(), 0, tensor.num_bytes());
}

/// A tensor seen as `count` equal pieces along its leading axes.
std::size_t piece_bytes(const Tensor& tensor, std::int64_t count) {
  return count == 0 ? 0 : tensor.num_bytes() / static_cast<std::size_t>(count);
}

const std::byte* piece(const Tensor& tensor, std::size_t bytes, std::int64_t index) {
  return static_cast<const std::byte*>(tensor.raw()) + bytes * static_cast<std::size_t>(index);
}

std::byte* piece(Tensor& tensor, std::size_t bytes, std::int64_t index) {
  return static_cast<std::byte*>(tensor.mutable_raw()) + bytes * static_cast<std::size_t>(index);
}

/// The states of a loop, kept twice: a step reads one set and fills the other, so that a body may pass its states
/// through in any order.
class LoopStates {
 public:
  LoopStates(const LoopPlan& plan, std::byte* memory, std::span<const Tensor> initial)
      : positions_(plan.positions.num_elements()),
        current_(views(plan.states, plan.state_offsets[0], memory)),
        next_(views(plan.states, plan.state_offsets[1], memory)) {
    for (std::size_t i = 0; i < initial.size(); ++i) copy_all(initial[i], current_[i]);
  }

  const std::vector<Tensor>& current() const { return current_; }

  void stage(std::size_t index, const Tensor& updated) { copy_all(updated, next_[index]); }
  /// Takes the new value of state `index` where is_active(position), and keeps the old one elsewhere.
  template <typename IsActive>
  void stage(std::size_t index, const Tensor& updated, IsActive is_active) {
    const std::size_t bytes = piece_bytes(updated, positions_);
    if (bytes == 0) return;
    for (std::int64_t position = 0; position < positions_; ++position) {
      const Tensor& from = is_active(position) ? updated : std::as_const(current_[index]);
      std::memcpy(piece(next_[index], bytes, position), piece(from, bytes, position), bytes);
    }
  }
  void commit() { std::swap(current_, next_); }

  void copy_to(std::span<Tensor> outputs) const {
    for (std::size_t i = 0; i < current_.size(); ++i) copy_all(current_[i], outputs[i]);
  }

 private:
  std::int64_t positions_;
  std::vector<Tensor> current_, next_;
};

void set_inputs(Frame& frame, int first, std::span<const Tensor> values) {
  for (std::size_t i = 0; i < values.size(); ++i) frame.slot(first + static_cast<int>(i)) = values[i];
}

const Tensor& output(const Executor& executor, const Frame& frame, int index) {
  return executor.read(frame, frame.function().outputs[index].second);
}

/// How many steps each row of a scan takes.
class RowLengths {
 public:
  RowLengths(const CompiledNode& node, const Tensor& lengths, std::int64_t batch, std::int64_t time) : longest_(time) {
    if (!lengths.defined()) return;
    check_lengths(node.label, lengths, batch, time);
    values_ = lengths.values<std::int64_t>();
    longest_ = values_.empty() ? 0 : *std::max_element(values_.begin(), values_.end());
  }

  bool covers(std::int64_t row, std::int64_t step) const { return values_.empty() || step < values_[row]; }
  std::int64_t longest() const { return longest_; }
  bool ragged() const { return !values_.empty(); }

 private:
  std::span<const std::int64_t> values_;
  std::int64_t longest_;
};

/// sequence [batch, time, ...] at `step` -> slice [batch, ...]
void take_step(const Tensor& sequence, std::int64_t step, Tensor& slice) {
  const std::int64_t batch = sequence.size(0), time = sequence.size(1);
  const std::size_t bytes = piece_bytes(slice, batch);
  for (std::int64_t row = 0; bytes > 0 && row < batch; ++row) {
    std::memcpy(piece(slice, bytes, row), piece(sequence, bytes, row * time + step), bytes);
  }
}

/// slice [batch, ...] -> sequence [batch, time, ...] at `step`, in the rows that reach it
void put_step(const Tensor& slice, std::int64_t step, const RowLengths& lengths, Tensor& sequence) {
  const std::int64_t batch = sequence.size(0), time = sequence.size(1);
  const std::size_t bytes = piece_bytes(slice, batch);
  for (std::int64_t row = 0; bytes > 0 && row < batch; ++row) {
    if (!lengths.covers(row, step)) continue;
    std::memcpy(piece(sequence, bytes, row * time + step), piece(slice, bytes, row), bytes);
  }
}

void run_scan(const CompiledNode& node, const LoopPlan& plan, std::span<const Tensor> inputs, std::span<Tensor> outputs,
              std::byte* memory, Executor& executor) {
  const LoopDef& loop = *node.loop;
  const RowLengths lengths(node, inputs.back(), plan.positions[0], plan.steps);
  const std::span<Tensor> ys = outputs.first(loop.ys);
  if (lengths.ragged()) {
    for (Tensor& y : ys) fill_zero(y);
  }
  LoopStates states(plan, memory, inputs.subspan(loop.xs, loop.states));
  std::vector<Tensor> slices = views(plan.xs, plan.x_offsets, memory);
  Frame frame(executor.program().functions[loop.body], *plan.body, memory + plan.function_offset);
  set_inputs(frame, 0, slices);
  set_inputs(frame, loop.xs + loop.states, inputs.subspan(loop.xs + loop.states, loop.consts));

  for (std::int64_t step = 0; step < lengths.longest(); ++step) {
    executor.limits().check();
    for (int i = 0; i < loop.xs; ++i) take_step(inputs[i], step, slices[i]);
    set_inputs(frame, loop.xs, states.current());
    executor.run(frame);
    for (int i = 0; i < loop.ys; ++i) put_step(output(executor, frame, i), step, lengths, ys[i]);
    for (int i = 0; i < loop.states; ++i) {
      const Tensor& updated = output(executor, frame, loop.ys + i);
      if (lengths.ragged()) {
        states.stage(i, updated, [&](std::int64_t row) { return lengths.covers(row, step); });
      } else {
        states.stage(i, updated);
      }
    }
    states.commit();
  }
  states.copy_to(outputs.subspan(loop.ys));
}

/// Marks as halted every position whose mask is not zero.
template <typename T>
void halt_where(const Tensor& mask, std::vector<char>& halted) {
  const std::span<const T> values = mask.values<T>();
  for (std::size_t i = 0; i < halted.size(); ++i) halted[i] |= values[i] != T{0};
}

void halt(const CompiledNode& node, const Tensor& mask, std::vector<char>& halted) {
  if (mask.dtype() == DType::float32) return halt_where<float>(mask, halted);
  if (mask.dtype() == DType::int64) return halt_where<std::int64_t>(mask, halted);
  throw DTypeError(node.label + ": the mask of until has dtype " + dtype_name(mask.dtype()) +
                   ", expected float32 or int64");
}

void run_repeat(const CompiledNode& node, const LoopPlan& plan, std::span<const Tensor> inputs,
                std::span<Tensor> outputs, std::byte* memory, Executor& executor) {
  const LoopDef& loop = *node.loop;
  const std::span<const Tensor> consts = inputs.subspan(loop.states, loop.consts);
  LoopStates states(plan, memory, inputs.first(loop.states));
  const auto bind = [&](int function, const FunctionPlan& planned) {
    Frame frame(executor.program().functions[function], planned, memory + plan.function_offset);
    set_inputs(frame, loop.states, consts);
    return frame;
  };
  Frame body = bind(loop.body, *plan.body);
  std::optional<Frame> until;
  if (plan.until) until.emplace(bind(loop.until, *plan.until));

  std::vector<char> halted(static_cast<std::size_t>(plan.positions.num_elements()), 0);
  Tensor& steps = outputs[loop.states];
  std::int64_t* taken = steps.mutable_data<std::int64_t>();
  std::fill_n(taken, halted.size(), 0);
  for (std::int64_t step = 0; step < plan.steps; ++step) {
    executor.limits().check();
    if (until) {
      set_inputs(*until, 0, states.current());
      executor.run(*until);
      halt(node, output(executor, *until, 0), halted);
      if (std::find(halted.begin(), halted.end(), 0) == halted.end()) break;
    }
    set_inputs(body, 0, states.current());
    executor.run(body);
    for (int i = 0; i < loop.states; ++i) {
      const Tensor& updated = output(executor, body, i);
      if (until) {
        states.stage(i, updated, [&](std::int64_t position) { return !halted[position]; });
      } else {
        states.stage(i, updated);
      }
    }
    states.commit();
    for (std::size_t i = 0; i < halted.size(); ++i) taken[i] += !halted[i];
  }
  states.copy_to(outputs.first(loop.states));
}

}  // namespace

void run_loop(const CompiledNode& node, const LoopPlan& plan, std::span<const Tensor> inputs, std::span<Tensor> outputs,
              std::byte* memory, Executor& executor) {
  if (node.loop->kind == LoopDef::Kind::scan) {
    run_scan(node, plan, inputs, outputs, memory, executor);
  } else {
    run_repeat(node, plan, inputs, outputs, memory, executor);
  }
}

}  // namespace pyseq
