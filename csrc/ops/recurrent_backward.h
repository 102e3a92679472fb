// One direction of a recurrent layer on its way back through time.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/product.h"
#include "ops/recurrent_layer.h"
#include "ops/recurrent_share.h"
#include "ops/recurrent_weights.h"
#include "ops/sequence_order.h"

namespace pyseq {

/// What the vjp of one direction reads and writes; undefined and null: zero (read) or not wanted (written).
struct DirectionVjp {
  DirectionWeights weights, gradients;
  SequenceView view;  // the inputs
  ReserveOf<const float> reserve;
  Columns<const float> y = {};            // of the forward; null for a single step
  Columns<const float> dy = {};           // as y
  Columns<const float> dh = {}, dc = {};  // of the final states
  Columns<float> dh0 = {}, dc0 = {};
  Tensor dx = {};           // [batch, time, in], of both directions
  bool adds_to_dx = false;  // the other one has written it
};

/// A row-major weight [rows, columns] as the right side of products with gradients of its outputs.
struct BackwardWeight {
  const float* values = nullptr;
  std::int64_t rows = 0, columns = 0;
  float* panels = nullptr;

  std::int64_t num_panels() const { return (columns + kPanelColumns - 1) / kPanelColumns; }
  /// The columns of a share.
  std::int64_t begin(const Share& share) const { return share.begin(num_panels()) * kPanelColumns; }
  std::int64_t end(const Share& share) const;
  void pack(const Share& share) const { pack_panels(share.begin(num_panels()), share.end(num_panels())); }
  void pack_panels(std::int64_t begin, std::int64_t end) const;
  /// a [m, rows] values, without its place.
  Product product(std::int64_t m, const float* a, std::int64_t a_stride) const;
  /// c [m, columns] = a [m, rows] values + residual, its columns [begin, end).
  void multiply(std::int64_t m, const float* a, std::int64_t a_stride, std::int64_t begin, std::int64_t end, float* c,
                const float* residual = nullptr) const;
};

/// How a direction is walked back
///   1. Threads own blocks of units. At each step they turn the gradients of h and c into those of the gates, meet, and
///      each multiplies the gradients of all gates with its columns of W_hh: the gradient of h of the step before.
///      With norms, threads own rows of the batch for the first half.
///   2. The gradients of gates of all steps are kept: those of the weights and of x are products over all of them.
/// A row that has ended waits with the gradient of its final state until its last step comes.
class BackwardDirection {
 public:
  BackwardDirection(const CellKind& kind, const LayerOptions& options, const DirectionVjp& call, Arena& scratch,
                    const RunLimits& limits);

  const SequenceOrder& order() const { return order_; }
  std::int64_t blocks() const { return layout_.blocks(); }
  /// Multiply-adds of the longest step.
  double step_work() const;

  /// States and gradients in the order of the steps, on all threads.
  void start();
  /// The weights of the steps, inside a region.
  void pack(const Share& share) const;
  /// One step; they are walked from the last one.
  void walk(std::int64_t step, const Share& share) const;
  /// Gradients of weights, x and first states, on all threads.
  void finish();

 private:
  /// Rows [row, row + rows) of a step and their units [begin, end).
  struct Part {
    std::int64_t row, rows, begin, end;
  };

  bool is_projected() const { return w_hr_.values != nullptr; }
  bool has_norms() const { return call_.reserve.x_products != nullptr; }
  bool wants(const Tensor& gradient) const { return gradient.defined(); }
  float* allocate(std::int64_t values);
  void allocate_gates();
  void allocate_states();

  void gather_states();
  template <typename Visit>
  void for_each_slot(Visit visit) const;
  /// Whether x stands in the order of the steps.
  bool is_in_order() const;
  void load_rows(Columns<const float> from, std::int64_t width, float* to) const;
  void store_rows(const float* from, std::int64_t width, Columns<float> to) const;

  RecurrentCellGradient cell_arguments(std::int64_t step, const Part& part) const;
  void run_cell(std::int64_t step, const Part& part, const Share& share) const;
  void add_output_gradients(std::int64_t step, const Part& part) const;
  void project_gradients(std::int64_t step, const Part& part) const;
  void walk_units(std::int64_t step, const Share& share) const;
  void walk_rows(std::int64_t step, const Share& share) const;
  void normalize_cell(std::int64_t step, const Part& part) const;
  void normalize_gates(std::int64_t first_slot, std::int64_t slots, const float* products, const Tensor& weight,
                       const float* dy, float* dx, float* terms) const;

  void give_biases();
  void give_norms();
  void give_input_weight();
  void give_state_weights();
  void give_x();
  void multiply_with_input_weight(float* rows);
  void add_rows(const float* terms, std::int64_t columns, Tensor gradient) const;
  /// gradient [rows, columns] = gates^T x over all slots; gates at `stride`.
  void give_product(const float* gates, std::int64_t rows, std::int64_t stride, const float* x, std::int64_t columns,
                    float* gradient) const;

  const CellKind& kind_;
  const LayerOptions& options_;
  const DirectionVjp& call_;
  const SequenceView& view_;
  Arena& scratch_;
  const RunLimits& limits_;
  GateLayout layout_;
  SequenceOrder order_;
  std::int64_t slots_, gate_values_;  // gate_values_: gates * hidden
  std::vector<Tensor> buffers_;

  BackwardWeight w_hh_, w_hn_, w_hr_;        // w_hn_: the candidate's rows of w_hh, for a reset before the product
  float *h_prev_ = nullptr, *c0_ = nullptr;  // [slots, width] and [batch, hidden]
  // Gradients of all steps, [slots, gates * hidden]: of what W_ih x and W_hh h are summed to, and of W_hh h itself.
  float *dx_gates_ = nullptr, *dh_gates_ = nullptr, *dh_products_ = nullptr;
  // Row by row, what gradients of weights are sums of; null where they are not wanted.
  float *peephole_terms_ = nullptr, *norm_ih_terms_ = nullptr, *norm_hh_terms_ = nullptr;
  float *norm_c_terms_ = nullptr, *norm_c_bias_terms_ = nullptr;
  float* d_projected_ = nullptr;    // [slots, width]: of h, when it is a projection
  float* product_input_ = nullptr;  // [slots, hidden]: what is projected, or r ⊙ h_prev
  // Gradients of the step at hand, [batch, width or hidden].
  float *dh_ = nullptr, *dc_ = nullptr;
  float* dh_direct_ = nullptr;  // of h_prev, without the product
  float *dm_ = nullptr, *d_reset_ = nullptr, *tanh_norm_ = nullptr;
};

}  // namespace pyseq
