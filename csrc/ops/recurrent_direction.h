// One direction of a recurrent layer while it runs.
#pragma once

#include <array>
#include <cstdint>

#include "ops/recurrent_layer.h"
#include "ops/recurrent_share.h"
#include "ops/recurrent_weights.h"
#include "ops/sequence_order.h"

namespace pyseq {

/// How a direction is computed
///   1. x is gathered in the order of SequenceOrder, and W_ih x + b_ih of many steps is one product.
///   2. Threads own blocks of 32 hidden units in all their gates: at each step each computes W_hh h + b_hh for its
///   units
///      and runs the cell on them, and all meet before the next step.
/// States are double-buffered: step s reads buffer s % 2 and writes the other one. Rows that have ended are never
/// written again, so the final state of a row of length n waits in buffer n % 2.
class Direction {
 public:
  /// `threads`: the most that walk() is called with.
  Direction(const CellKind& kind, const LayerOptions& options, const DirectionCall& call, int threads, Arena& scratch,
            const RunLimits& limits);

  const SequenceOrder& order() const { return order_; }
  std::int64_t blocks() const { return layout_.blocks(); }
  /// Multiply-adds of a step in float32; a narrow type does more of them in the same time.
  double step_work(std::int64_t step) const;
  double projection_work(std::int64_t step) const;

  void load_states();
  /// The end of the longest run of steps from `step` whose gates fit the buffer; at least one step.
  std::int64_t segment_end(std::int64_t step) const;
  /// Gathers x of steps [begin, end), which is the current segment from now on.
  void start_segment(std::int64_t begin, std::int64_t end);
  /// W_ih x + b_ih of the segment, on all threads.
  void project_inputs();
  /// The same inside a region, for the units that a thread owns: only without a norm.
  void project_inputs(const Share& share);
  bool can_project_in_region() const { return norm_ih_ == nullptr; }
  /// One step of the segment.
  void walk(std::int64_t step, const Share& share);
  void store_states();

 private:
  bool is_projected() const { return w_hr_.panels != nullptr; }
  RecurrentStep step_arguments(std::int64_t step, const Share& share) const;
  void set_operand(RecurrentStep& args, const float* rows, std::int64_t width, const Share& share) const;
  void run_product(const RecurrentStep& args) const;
  void finish_normalized(std::int64_t step, RecurrentStep args, const Share& share) const;
  void project_states(std::int64_t step, const Share& share);
  void store_outputs(std::int64_t step, std::int64_t first_row, std::int64_t last_row, std::int64_t begin,
                     std::int64_t end) const;
  void normalize(float* gates, std::int64_t rows, const float* weight, const float* bias) const;
  /// c before a step: in its buffer, or where it is kept.
  float* cell_state(std::int64_t step) const;
  void load_rows(Columns<const float> from, std::int64_t width, float* to) const;

  const CellKind& kind_;
  const LayerOptions& options_;
  const SequenceView& view_;
  Arena& scratch_;
  const RunLimits& limits_;
  GateLayout layout_;
  SequenceOrder order_;
  GateMatrix w_ih_, w_hh_;
  WeightPanels w_hr_;                // without panels: no projection
  const float *norm_ih_, *norm_hh_;  // in column order, null without norms; the biases of W_ih x and W_hh h with them
  const float *norm_ih_bias_ = nullptr, *norm_hh_bias_ = nullptr;
  const float *norm_c_, *norm_c_bias_, *peephole_;
  std::int64_t slots_per_segment_, segment_begin_ = 0, segment_slots_ = 0;
  float* x_buffer_;            // [slots, in]
  const float* x_ = nullptr;   // of the segment: gathered, or where it stands
  float* x_gates_;             // [slots, columns]
  float* h_gates_;             // [batch, columns]
  float* hidden_ = nullptr;    // [batch, hidden]: m of a projection, r ⊙ h of a reset before the product
  RowBuffer x_rows_;           // of one step, for project_inputs(share)
  RowBuffer operands_;         // [threads * batch, width]: each thread prepares its own, as the following
  RowBuffer hidden_operands_;  // [threads * batch, hidden], for w_hr_
  std::array<float*, 2> h_{}, c_{};
  Reserve reserve_;
};

}  // namespace pyseq
