#include "ops/recurrent_backward.h"

#include <algorithm>

#include "kernels/dispatch.h"

namespace pyseq {
namespace {

/// Values that a task copies, at least.
constexpr std::int64_t kCopyGrain = 1 << 14;

const float* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<float>() : nullptr;
}

std::int64_t rows_per_task(std::int64_t width) {
  return std::max<std::int64_t>(1, kCopyGrain / std::max<std::int64_t>(1, width));
}

}  // namespace

// ---- products of a step

std::int64_t BackwardWeight::end(const Share& share) const {
  return std::min(share.end(num_panels()) * kPanelColumns, columns);
}

void BackwardWeight::pack_panels(std::int64_t begin, std::int64_t end) const {
  const std::int64_t first = begin * kPanelColumns, count = std::min(end * kPanelColumns, columns) - first;
  if (count <= 0) return;
  const PackF32 pack{.k = rows,
                     .n = count,
                     .b = values + first,
                     .stride = columns,
                     .transposed = false,
                     .panels = panels + first * rows};
  kernels().pack_f32(&pack);
}

Product BackwardWeight::product(std::int64_t m, const float* a, std::int64_t a_stride) const {
  return {.m = m,
          .n = columns,
          .a = {a, a_stride, nullptr},
          .b = {DType::float32, rows, panels, nullptr, nullptr},
          .panel = kPanelColumns,
          .ldc = columns};
}

void BackwardWeight::multiply(std::int64_t m, const float* a, std::int64_t a_stride, std::int64_t begin,
                              std::int64_t end, float* c, const float* residual) const {
  if (begin >= end) return;
  Product whole = product(m, a, a_stride);
  whole.epilogue = {.residual = residual, .residual_stride = columns};
  whole.c = c;
  pyseq::multiply(part(whole, 0, m, begin, end - begin));
}

// ---- memory

BackwardDirection::BackwardDirection(const CellKind& kind, const LayerOptions& options, const DirectionVjp& call,
                                     Arena& scratch, const RunLimits& limits)
    : kind_(kind),
      options_(options),
      call_(call),
      view_(call.view),
      scratch_(scratch),
      limits_(limits),
      layout_{view_.hidden, kind.gates},
      order_(view_.batch, view_.time, view_.lengths, view_.reverse),
      slots_(order_.first_slot(order_.steps())),
      gate_values_(kind.gates * view_.hidden) {
  const auto weight = [&](const float* values, std::int64_t rows, std::int64_t columns) {
    return BackwardWeight{values, rows, columns, allocate(rows * padded_columns(columns))};
  };
  const float* w_hh = call.weights.w_hh.data<float>();
  const std::int64_t last = options.reset_before ? view_.hidden : 0;
  w_hh_ = weight(w_hh, gate_values_ - last, view_.width);
  if (last > 0) w_hn_ = weight(w_hh + w_hh_.rows * view_.width, last, view_.width);
  if (call.weights.w_hr.defined()) w_hr_ = weight(call.weights.w_hr.data<float>(), view_.width, view_.hidden);
  allocate_gates();
  allocate_states();
}

float* BackwardDirection::allocate(std::int64_t values) {
  buffers_.push_back(Tensor::empty(DType::float32, {values}));
  return buffers_.back().mutable_data<float>();
}

/// What is kept of all steps.
void BackwardDirection::allocate_gates() {
  const DirectionWeights& gradients = call_.gradients;
  dx_gates_ = allocate(slots_ * gate_values_);
  const bool are_apart = kind_.cell == RecurrentCell::gru && !options_.reset_before;
  dh_gates_ = are_apart ? allocate(slots_ * gate_values_) : dx_gates_;
  dh_products_ = has_norms() ? allocate(slots_ * gate_values_) : dh_gates_;
  const auto terms = [&](const Tensor& gradient, std::int64_t columns) {
    return wants(gradient) ? allocate(slots_ * columns) : nullptr;
  };
  peephole_terms_ = terms(gradients.peephole, (kind_.gates - 1) * view_.hidden);
  norm_ih_terms_ = terms(gradients.norm_ih, gate_values_);
  norm_hh_terms_ = terms(gradients.norm_hh, gate_values_);
  norm_c_terms_ = terms(gradients.norm_c, view_.hidden);
  norm_c_bias_terms_ = terms(gradients.norm_c_bias, view_.hidden);
  if (is_projected()) d_projected_ = allocate(slots_ * view_.width);
  const bool has_product = is_projected() ? wants(gradients.w_hr) : options_.reset_before && wants(gradients.w_hh);
  if (has_product) product_input_ = allocate(slots_ * view_.hidden);
}

/// Those of the rows at hand; the states before all steps.
void BackwardDirection::allocate_states() {
  const std::int64_t values = view_.batch * view_.hidden;
  const bool is_gru = !kind_.has_cell_state && kind_.gates > 1;
  if (is_gru || wants(call_.gradients.w_hh)) h_prev_ = allocate(slots_ * view_.width);
  if (is_gru) dh_direct_ = allocate(values);
  if (options_.reset_before) d_reset_ = allocate(values);
  dh_ = allocate(view_.batch * view_.width);
  if (is_projected()) dm_ = allocate(values);
  if (call_.weights.norm_c.defined()) tanh_norm_ = allocate(values);
  if (!kind_.has_cell_state) return;
  c0_ = allocate(values);
  dc_ = allocate(values);
}

double BackwardDirection::step_work() const {
  return static_cast<double>(view_.batch * gate_values_) * static_cast<double>(view_.width);
}

// ---- the order of the batch and that of the steps

void BackwardDirection::load_rows(Columns<const float> from, std::int64_t width, float* to) const {
  for (std::int64_t place = 0; place < view_.batch; ++place) {
    float* row = to + place * width;
    if (from.data == nullptr) {
      std::fill_n(row, width, 0.0F);
    } else {
      std::copy_n(from.row(order_.row(place)), width, row);
    }
  }
}

void BackwardDirection::store_rows(const float* from, std::int64_t width, Columns<float> to) const {
  if (to.data == nullptr) return;
  for (std::int64_t place = 0; place < view_.batch; ++place) {
    std::copy_n(from + place * width, width, to.row(order_.row(place)));
  }
}

/// The states before each step: first ones, then the outputs of the step before.
void BackwardDirection::gather_states() {
  if (h_prev_ == nullptr || order_.steps() == 0) return;
  const std::int64_t first = order_.running(0);
  std::vector<float> h0(static_cast<std::size_t>(view_.batch * view_.width));
  load_rows(view_.h0, view_.width, h0.data());
  std::copy_n(h0.data(), first * view_.width, h_prev_);
  parallel_for(order_.steps() - 1, rows_per_task(first * view_.width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t step = begin + 1; step < end + 1; ++step) {
      float* to = h_prev_ + order_.first_slot(step) * view_.width;
      for (std::int64_t place = 0; place < order_.running(step); ++place, to += view_.width) {
        std::copy_n(call_.y.row(order_.row(place) * view_.time + order_.time(place, step - 1)), view_.width, to);
      }
    }
  });
}

void BackwardDirection::start() {
  gather_states();
  load_rows(call_.dh, view_.width, dh_);
  if (!kind_.has_cell_state) return;
  load_rows(view_.c0, view_.hidden, c0_);
  load_rows(call_.dc, view_.hidden, dc_);
}

void BackwardDirection::pack(const Share& share) const {
  for (const BackwardWeight* weight : {&w_hh_, &w_hn_, &w_hr_}) {
    if (weight->values != nullptr) weight->pack(share);
  }
  share.meet();
}

// ---- a step

/// dh += dy; the sum goes to d_projected_ when h is a projection.
void BackwardDirection::add_output_gradients(std::int64_t step, const Part& part) const {
  const std::int64_t slot = order_.first_slot(step), width = view_.width;
  for (std::int64_t place = part.row; place < part.row + part.rows; ++place) {
    const float* dh = dh_ + place * width;
    float* sum = is_projected() ? d_projected_ + (slot + place) * width : dh_ + place * width;
    if (call_.dy.data == nullptr) {
      if (sum != dh) std::copy(dh + part.begin, dh + part.end, sum + part.begin);
      continue;
    }
    const float* dy = call_.dy.row(order_.row(place) * view_.time + order_.time(place, step));
    for (std::int64_t i = part.begin; i < part.end; ++i) sum[i] = dh[i] + dy[i];
  }
}

/// The gradient of what was projected.
void BackwardDirection::project_gradients(std::int64_t step, const Part& part) const {
  const float* d_projected = d_projected_ + (order_.first_slot(step) + part.row) * view_.width;
  w_hr_.multiply(part.rows, d_projected, view_.width, part.begin, part.end, dm_ + part.row * view_.hidden);
}

RecurrentCellGradient BackwardDirection::cell_arguments(std::int64_t step, const Part& part) const {
  const std::int64_t slot = order_.first_slot(step) + part.row, hidden = view_.hidden, row = part.row * hidden;
  const auto of_slot = [&](auto* values, std::int64_t size) {
    return values == nullptr ? nullptr : values + slot * size;
  };
  const auto of_row = [&](auto* values) { return values == nullptr ? nullptr : values + row; };
  const float* state = of_slot(call_.reserve.state, hidden);
  const float* c_prev = nullptr;
  if (kind_.has_cell_state) {
    c_prev = step == 0 ? c0_ + row : call_.reserve.state + (order_.first_slot(step - 1) + part.row) * hidden;
  }
  return {.cell = options_.cell,
          .rows = part.rows,
          .hidden = hidden,
          .gates = kind_.gates,
          .first_unit = part.begin,
          .last_unit = part.end,
          .kept = call_.reserve.gates + slot * layout_.columns(),
          .columns = layout_.columns(),
          .h_prev = of_slot(h_prev_, view_.width),
          .candidate = state,
          .c_prev = c_prev,
          .c = state,
          .tanh_norm = of_row(tanh_norm_),
          .peephole = data_or_null(call_.weights.peephole),
          .dh = of_row(is_projected() ? dm_ : dh_),
          .d_reset = of_row(d_reset_),
          .dc = of_row(dc_),
          .dh_prev = of_row(dh_direct_),
          .dx_gates = dx_gates_ + slot * gate_values_,
          .dh_gates = dh_gates_ + slot * gate_values_,
          .product_input = of_slot(product_input_, hidden),
          .peephole_terms = of_slot(peephole_terms_, (kind_.gates - 1) * hidden)};
}

void BackwardDirection::run_cell(std::int64_t step, const Part& part, const Share& share) const {
  RecurrentCellGradient args = cell_arguments(step, part);
  if (options_.reset_before) args.cell = RecurrentCell::gru_candidate;
  kernels().recurrent_cell_gradient(&args);
  if (!options_.reset_before) return;
  share.meet();
  const float* candidate = args.dx_gates + w_hh_.rows;
  w_hn_.multiply(part.rows, candidate, gate_values_, part.begin, part.end, d_reset_);
  args.cell = RecurrentCell::gru_reset;
  kernels().recurrent_cell_gradient(&args);
}

void BackwardDirection::walk(std::int64_t step, const Share& share) const {
  has_norms() ? walk_rows(step, share) : walk_units(step, share);
  share.meet();
  const float* gates = dh_products_ + order_.first_slot(step) * gate_values_;
  w_hh_.multiply(order_.running(step), gates, gate_values_, w_hh_.begin(share), w_hh_.end(share), dh_, dh_direct_);
  // Otherwise the next step begins with the columns that this thread has just written.
  if (has_norms()) share.meet();
}

void BackwardDirection::walk_units(std::int64_t step, const Share& share) const {
  const std::int64_t rows = order_.running(step);
  const Part units{0, rows, share.begin(blocks()) * kPanelColumns,
                   std::min(share.end(blocks()) * kPanelColumns, view_.hidden)};
  add_output_gradients(step, {0, rows, w_hh_.begin(share), w_hh_.end(share)});
  if (is_projected()) {
    share.meet();
    project_gradients(step, units);
  }
  run_cell(step, units, share);
}

void BackwardDirection::walk_rows(std::int64_t step, const Share& share) const {
  const std::int64_t row = share.begin(order_.running(step)), rows = share.end(order_.running(step)) - row;
  if (rows == 0) return;
  const Part units{row, rows, 0, view_.hidden};
  add_output_gradients(step, {row, rows, 0, view_.width});
  if (is_projected()) project_gradients(step, units);
  if (tanh_norm_ != nullptr) normalize_cell(step, units);
  run_cell(step, units, share);
  const std::int64_t slot = order_.first_slot(step) + row;
  normalize_gates(slot, rows, call_.reserve.h_products, call_.weights.norm_hh, dh_gates_, dh_products_, norm_hh_terms_);
}

void BackwardDirection::normalize_cell(std::int64_t step, const Part& part) const {
  const RecurrentCellGradient cell = cell_arguments(step, part);
  const std::int64_t first = (order_.first_slot(step) + part.row) * view_.hidden;
  const NormalizeCellGradient norm{.rows = part.rows,
                                   .hidden = view_.hidden,
                                   .gates = kind_.gates,
                                   .kept = cell.kept,
                                   .columns = cell.columns,
                                   .weight = call_.weights.norm_c.data<float>(),
                                   .bias = data_or_null(call_.weights.norm_c_bias),
                                   .epsilon = options_.epsilon,
                                   .c = cell.c,
                                   .dh = cell.dh,
                                   .dc = cell.dc,
                                   .tanh_norm = tanh_norm_ + part.row * view_.hidden,
                                   .weight_terms = norm_c_terms_ == nullptr ? nullptr : norm_c_terms_ + first,
                                   .bias_terms = norm_c_bias_terms_ == nullptr ? nullptr : norm_c_bias_terms_ + first};
  kernels().normalize_cell_gradient(&norm);
}

void BackwardDirection::normalize_gates(std::int64_t first_slot, std::int64_t slots, const float* products,
                                        const Tensor& weight, const float* dy, float* dx, float* terms) const {
  const std::int64_t first = first_slot * gate_values_;
  NormalizeGatesGradient norm{.rows = slots,
                              .hidden = view_.hidden,
                              .gates = kind_.gates,
                              .first_gate = 0,
                              .last_gate = kind_.first_norm_gates,
                              .x = products + first_slot * layout_.columns(),
                              .columns = layout_.columns(),
                              .weight = weight.data<float>(),
                              .epsilon = options_.epsilon,
                              .dy = dy + first,
                              .dx = dx + first,
                              .weight_terms = terms == nullptr ? nullptr : terms + first};
  kernels().normalize_gates_gradient(&norm);
  if (norm.last_gate == kind_.gates) return;
  norm.first_gate = norm.last_gate;
  norm.last_gate = kind_.gates;
  kernels().normalize_gates_gradient(&norm);
}

}  // namespace pyseq
