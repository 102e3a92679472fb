// How a direction is computed
//   1. x is gathered in the order of SequenceOrder, and W_ih x + b_ih of many steps is one product.
//   2. One parallel region walks over those steps. Threads own blocks of 32 hidden units in all their gates: each
//      computes W_hh h + b_hh for its units and runs the cell on them, and all meet at a barrier before the next step.
// States are double-buffered: step s reads buffer s % 2 and writes the other one. Rows that have ended are never
// written again, so the final state of a row of length n waits in buffer n % 2.
#include "ops/recurrent_layer.h"

#include <algorithm>
#include <array>

#include "base/packing.h"
#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/gemm.h"
#include "ops/sequence_order.h"

namespace pyseq {
namespace {

/// Gate values of the input projection that are held at a time; bounds the memory of long sequences.
constexpr std::int64_t kMostGateValues = std::int64_t{1} << 22;
/// Steps between two looks at the limits.
constexpr std::int64_t kStepsPerCheck = 32;
/// Multiply-adds per step below which a further thread costs more at the barrier than it saves.
constexpr double kStepWorkPerThread = 1 << 16;

/// How gates lie in packed weights and in gate buffers: whole blocks of 32 units first, then the rest, which is 16
/// columns wide per gate when 16 units or fewer remain.
struct GateLayout {
  std::int64_t hidden, gates;

  std::int64_t columns() const { return gates * padded_columns(hidden); }
  std::int64_t blocks() const { return (hidden + kPanelColumns - 1) / kPanelColumns; }
  std::int64_t first_column(std::int64_t block) const { return block * kPanelColumns * gates; }
  std::int64_t units(std::int64_t block) const { return std::min(kPanelColumns, hidden - block * kPanelColumns); }
  std::int64_t width(std::int64_t block) const { return panel_width(units(block)); }
};

struct PackedMatrix {
  const float* panels;
  const float* bias;  // in the order of the panels, or null
  std::int64_t in;
};

PackedMatrix packed_matrix(const Tensor& weight, const Tensor& bias, const GateLayout& layout, Arena& scratch) {
  const int gates = static_cast<int>(layout.gates);
  float* packed_bias = nullptr;
  if (bias.defined()) {
    packed_bias = scratch.allocate<float>(layout.columns());
    pack_bias(bias.data<float>(), layout.hidden, gates, packed_bias);
  }
  return {packed_or_pack(weight, gates, scratch), packed_bias, weight.size(1)};
}

/// Calls run(product) for the gates of unit blocks [begin, end): once for all panels of 32 columns, and once for the
/// last block when its panels are narrower. Gates are written at their columns of `c` [rows, layout.columns()].
template <typename Run>
void gate_products(const GateLayout& layout, const PackedMatrix& matrix, std::int64_t begin, std::int64_t end,
                   std::int64_t rows, const float* a, float* c, Run run) {
  const auto product = [&](std::int64_t first, std::int64_t last, std::int64_t panel) {
    const std::int64_t column = layout.first_column(first);
    const std::int64_t columns = ((last - first - 1) * kPanelColumns + layout.width(last - 1)) * layout.gates;
    run(GemmF32{.m = rows,
                .n = columns,
                .k = matrix.in,
                .a = a,
                .lda = matrix.in,
                .b = matrix.panels + column * matrix.in,
                .panel = panel,
                .epilogue = {.bias = matrix.bias == nullptr ? nullptr : matrix.bias + column},
                .c = c + column,
                .ldc = layout.columns()});
  };
  const bool narrow_end = end > begin && layout.width(end - 1) < kPanelColumns;
  const std::int64_t whole = narrow_end ? end - 1 : end;
  if (whole > begin) product(begin, whole, kPanelColumns);
  if (narrow_end) product(whole, end, kColumnRounding);
}

/// One direction of a layer while it runs.
class Direction {
 public:
  Direction(const CellKind& kind, Activation activation, const DirectionWeights& weights, const SequenceView& view,
            Arena& scratch, const RunLimits& limits)
      : kind_(kind),
        activation_(activation),
        view_(view),
        limits_(limits),
        layout_{view.hidden, kind.gates},
        order_(view.batch, view.time, view.lengths, view.reverse),
        w_ih_(packed_matrix(weights.w_ih, weights.b_ih, layout_, scratch)),
        w_hh_(packed_matrix(weights.w_hh, weights.b_hh, layout_, scratch)),
        slots_per_segment_(std::max(view.batch, kMostGateValues / layout_.columns())) {
    const std::int64_t slots = std::min(slots_per_segment_, order_.first_slot(order_.steps()));
    x_ = scratch.allocate<float>(slots * view.in);
    x_gates_ = scratch.allocate<float>(slots * layout_.columns());
    h_gates_ = scratch.allocate<float>(view.batch * layout_.columns());
    for (float*& buffer : h_) buffer = scratch.allocate<float>(view.batch * view.hidden);
    if (!kind.has_cell_state) return;
    for (float*& buffer : c_) buffer = scratch.allocate<float>(view.batch * view.hidden);
  }

  void run() {
    load_states(view_.h0, h_[0]);
    if (kind_.has_cell_state) load_states(view_.c0, c_[0]);
    for (std::int64_t step = 0; step < order_.steps();) {
      const std::int64_t end = segment_end(step);
      project_inputs(step, end);
      const double work =
          static_cast<double>(order_.running(step) * layout_.columns()) * static_cast<double>(view_.hidden);
      const double threads = std::clamp(work / kStepWorkPerThread, 1.0, static_cast<double>(layout_.blocks()));
      parallel_region(static_cast<int>(threads),
                      [&](int thread, int count, Barrier& barrier) { walk(step, end, thread, count, barrier); });
      step = end;
    }
    store_states(h_, view_.h);
    if (kind_.has_cell_state) store_states(c_, view_.c);
  }

 private:
  /// States of the batch -> rows in the order of the steps.
  void load_states(Columns<const float> from, float* to) const {
    for (std::int64_t place = 0; place < view_.batch; ++place) {
      float* row = to + place * view_.hidden;
      if (from.data == nullptr) {
        std::fill_n(row, view_.hidden, 0.0f);
      } else {
        std::copy_n(from.row(order_.row(place)), view_.hidden, row);
      }
    }
  }

  void store_states(const std::array<float*, 2>& buffers, Columns<float> to) const {
    for (std::int64_t place = 0; place < view_.batch; ++place) {
      const float* row = buffers[order_.length(place) % 2] + place * view_.hidden;
      std::copy_n(row, view_.hidden, to.row(order_.row(place)));
    }
  }

  /// The end of the longest run of steps from `step` whose gates fit the buffer; at least one step.
  std::int64_t segment_end(std::int64_t step) const {
    std::int64_t end = step + 1;
    while (end < order_.steps() && order_.first_slot(end + 1) - order_.first_slot(step) <= slots_per_segment_) ++end;
    return end;
  }

  void project_inputs(std::int64_t begin, std::int64_t end) {
    const std::int64_t first = order_.first_slot(begin), slots = order_.first_slot(end) - first;
    for (std::int64_t step = begin; step < end; ++step) {
      for (std::int64_t place = 0; place < order_.running(step); ++place) {
        const float* from = view_.x + (order_.row(place) * view_.time + order_.time(place, step)) * view_.in;
        std::copy_n(from, view_.in, x_ + (order_.first_slot(step) - first + place) * view_.in);
      }
    }
    gate_products(layout_, w_ih_, 0, layout_.blocks(), slots, x_, x_gates_,
                  [&](const GemmF32& product) { parallel_gemm(product, limits_); });
  }

  /// What one thread does in the region over steps [begin, end).
  void walk(std::int64_t begin, std::int64_t end, int thread, int count, Barrier& barrier) {
    const std::int64_t first = layout_.blocks() * thread / count, last = layout_.blocks() * (thread + 1) / count;
    for (std::int64_t step = begin; step < end; ++step) {
      if (thread == 0 && (step - begin) % kStepsPerCheck == 0) limits_.check();
      const float* x_gates = x_gates_ + (order_.first_slot(step) - order_.first_slot(begin)) * layout_.columns();
      gate_products(layout_, w_hh_, first, last, order_.running(step), h_[step % 2], h_gates_,
                    [](const GemmF32& product) { kernels().gemm_f32(&product); });
      for (std::int64_t block = first; block < last; ++block) run_cell(step, block, x_gates);
      if (view_.y.data != nullptr) store_outputs(step, first, last);
      barrier.wait();
    }
  }

  void run_cell(std::int64_t step, std::int64_t block, const float* x_gates) const {
    const std::int64_t unit = block * kPanelColumns, column = layout_.first_column(block);
    const auto from = static_cast<std::size_t>(step % 2), to = 1 - from;
    const RecurrentCellF32 cell{.rows = order_.running(step),
                                .units = layout_.units(block),
                                .width = layout_.width(block),
                                .x_gates = x_gates + column,
                                .x_stride = layout_.columns(),
                                .h_gates = h_gates_ + column,
                                .h_stride = layout_.columns(),
                                .h_prev = h_[from] + unit,
                                .c_prev = kind_.has_cell_state ? c_[from] + unit : nullptr,
                                .prev_stride = view_.hidden,
                                .h = h_[to] + unit,
                                .c = kind_.has_cell_state ? c_[to] + unit : nullptr,
                                .state_stride = view_.hidden,
                                .activation = activation_};
    (kernels().*kind_.step)(&cell);
  }

  /// New states of the units of blocks [first, last) -> their time steps of y.
  void store_outputs(std::int64_t step, std::int64_t first, std::int64_t last) const {
    const std::int64_t unit = first * kPanelColumns, end = std::min(last * kPanelColumns, view_.hidden);
    const float* h = h_[1 - step % 2];
    for (std::int64_t place = 0; place < order_.running(step); ++place) {
      const std::int64_t slot = order_.row(place) * view_.time + order_.time(place, step);
      std::copy(h + place * view_.hidden + unit, h + place * view_.hidden + end, view_.y.row(slot) + unit);
    }
  }

  const CellKind& kind_;
  Activation activation_;
  const SequenceView& view_;
  const RunLimits& limits_;
  GateLayout layout_;
  SequenceOrder order_;
  PackedMatrix w_ih_, w_hh_;
  std::int64_t slots_per_segment_;
  float* x_;        // [slots, in]
  float* x_gates_;  // [slots, columns]
  float* h_gates_;  // [batch, columns]
  std::array<float*, 2> h_{}, c_{};
};

}  // namespace

void run_direction(const CellKind& kind, Activation activation, const DirectionWeights& weights,
                   const SequenceView& sequence, Arena& scratch, const RunLimits& limits) {
  if (sequence.batch == 0 || sequence.hidden == 0) return;
  Direction(kind, activation, weights, sequence, scratch, limits).run();
}

}  // namespace pyseq
