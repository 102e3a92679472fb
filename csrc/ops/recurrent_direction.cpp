#include "ops/recurrent_direction.h"

#include <algorithm>

#include "kernels/dispatch.h"

namespace pyseq {
namespace {

/// Gate values of the input projection held at a time: few enough for the steps to find them in a cache.
constexpr std::int64_t kMostGateValues = std::int64_t{1} << 19;
/// Rows per task of what is done to rows of gates.
constexpr std::int64_t kRowsPerTask = 16;

const float* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<float>() : nullptr;
}

std::int64_t num_panels(std::int64_t columns) {
  return (columns + kPanelColumns - 1) / kPanelColumns;
}

/// Narrow types take less time for the same multiply-adds.
double relative_work(DType storage) {
  return static_cast<double>(item_size(storage)) / static_cast<double>(item_size(DType::float32));
}

}  // namespace

Direction::Direction(const CellKind& kind, const LayerOptions& options, const DirectionCall& call, int threads,
                     Arena& scratch, const RunLimits& limits)
    : kind_(kind),
      options_(options),
      view_(call.view),
      scratch_(scratch),
      limits_(limits),
      layout_{call.view.hidden, kind.gates},
      order_(view_.batch, view_.time, view_.lengths, view_.reverse),
      w_ih_(gate_matrix(call.weights.w_ih, call.weights.b_ih, kind.gates, scratch)),
      w_hh_(gate_matrix(call.weights.w_hh, call.weights.b_hh, kind.gates, scratch)),
      norm_ih_(in_column_order(call.weights.norm_ih, layout_, scratch)),
      norm_hh_(in_column_order(call.weights.norm_hh, layout_, scratch)),
      norm_c_(data_or_null(call.weights.norm_c)),
      norm_c_bias_(data_or_null(call.weights.norm_c_bias)),
      peephole_(data_or_null(call.weights.peephole)),
      slots_per_segment_(std::max(view_.batch, kMostGateValues / layout_.columns())),
      reserve_(call.reserve) {
  // The biases stand behind the norms.
  if (norm_ih_ != nullptr) std::swap(norm_ih_bias_, w_ih_.bias);
  if (norm_hh_ != nullptr) std::swap(norm_hh_bias_, w_hh_.bias);
  if (call.weights.w_hr.defined()) w_hr_ = weight_panels(call.weights.w_hr, 1, scratch);
  const std::int64_t slots = std::min(slots_per_segment_, order_.first_slot(order_.steps()));
  x_buffer_ = scratch.allocate<float>(slots * view_.in);
  x_gates_ = scratch.allocate<float>(slots * layout_.columns());
  h_gates_ = scratch.allocate<float>(view_.batch * layout_.columns());
  if (is_projected() || options.reset_before) hidden_ = scratch.allocate<float>(view_.batch * view_.hidden);
  x_rows_ = allocate_rows(w_ih_.weight.storage, view_.batch, view_.in, scratch);
  operands_ = allocate_rows(w_hh_.weight.storage, threads * view_.batch, view_.width, scratch);
  if (is_projected()) hidden_operands_ = allocate_rows(w_hr_.storage, threads * view_.batch, view_.hidden, scratch);
  for (float*& buffer : h_) buffer = scratch.allocate<float>(view_.batch * view_.width);
  if (!kind.has_cell_state) return;
  for (float*& buffer : c_) buffer = scratch.allocate<float>(view_.batch * view_.hidden);
}

double Direction::step_work(std::int64_t step) const {
  return static_cast<double>(order_.running(step) * layout_.columns()) * static_cast<double>(view_.width) *
         relative_work(w_hh_.weight.storage);
}

double Direction::projection_work(std::int64_t step) const {
  return static_cast<double>(order_.running(step) * layout_.columns()) * static_cast<double>(view_.in) *
         relative_work(w_ih_.weight.storage);
}

// ---- states

/// States of the batch -> rows in the order of the steps.
void Direction::load_rows(Columns<const float> from, std::int64_t width, float* to) const {
  for (std::int64_t place = 0; place < view_.batch; ++place) {
    float* row = to + place * width;
    if (from.data == nullptr) {
      std::fill_n(row, width, 0.0f);
    } else {
      std::copy_n(from.row(order_.row(place)), width, row);
    }
  }
}

void Direction::load_states() {
  load_rows(view_.h0, view_.width, h_[0]);
  if (kind_.has_cell_state) load_rows(view_.c0, view_.hidden, c_[0]);
}

float* Direction::cell_state(std::int64_t step) const {
  if (!kind_.has_cell_state) return nullptr;
  if (reserve_.gates == nullptr || step == 0) return c_[static_cast<std::size_t>(step % 2)];
  return reserve_.state + order_.first_slot(step - 1) * view_.hidden;
}

void Direction::store_states() {
  for (std::int64_t place = 0; place < view_.batch; ++place) {
    const std::int64_t steps = order_.length(place), row = order_.row(place);
    const float* h = h_[static_cast<std::size_t>(steps % 2)] + place * view_.width;
    std::copy_n(h, view_.width, view_.h.row(row));
    if (kind_.has_cell_state) std::copy_n(cell_state(steps) + place * view_.hidden, view_.hidden, view_.c.row(row));
  }
}

// ---- the input projection

std::int64_t Direction::segment_end(std::int64_t step) const {
  std::int64_t end = step + 1;
  while (end < order_.steps() && order_.first_slot(end + 1) - order_.first_slot(step) <= slots_per_segment_) ++end;
  return end;
}

void Direction::start_segment(std::int64_t begin, std::int64_t end) {
  const std::int64_t first = order_.first_slot(begin);
  segment_begin_ = begin;
  segment_slots_ = order_.first_slot(end) - first;
  const bool is_in_order = view_.lengths == nullptr && (view_.time == 1 || (view_.batch == 1 && !view_.reverse));
  x_ = is_in_order ? view_.x + first * view_.in : x_buffer_;
  if (is_in_order) return;
  for (std::int64_t step = begin; step < end; ++step) {
    for (std::int64_t place = 0; place < order_.running(step); ++place) {
      const float* from = view_.x + (order_.row(place) * view_.time + order_.time(place, step)) * view_.in;
      std::copy_n(from, view_.in, x_buffer_ + (order_.first_slot(step) - first + place) * view_.in);
    }
  }
}

void Direction::project_inputs() {
  w_ih_.multiply_all(x_, segment_slots_, x_gates_, layout_.columns(), scratch_, limits_);
  if (norm_ih_ == nullptr) return;
  const std::int64_t columns = layout_.columns(), first = order_.first_slot(segment_begin_);
  parallel_for(segment_slots_, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    float* rows = x_gates_ + begin * columns;
    if (reserve_.gates != nullptr) {
      std::copy_n(rows, (end - begin) * columns, reserve_.x_products + (first + begin) * columns);
    }
    normalize(rows, end - begin, norm_ih_, norm_ih_bias_);
  });
}

void Direction::project_inputs(const Share& share) {
  // Few rows: every thread prepares what it reads. The operands of the steps come later.
  const RowBuffer& buffer = x_rows_;
  if (share.thread == 0) prepare_rows(buffer, 0, segment_slots_, view_.in, x_, view_.in);
  share.meet();
  const ProductRows rows = buffer.storage == DType::float32
                               ? ProductRows{x_, view_.in, nullptr}
                               : ProductRows{buffer.values, buffer.stride, buffer.quantized};
  w_ih_.multiply(rows, segment_slots_, share.begin(blocks()), share.end(blocks()), x_gates_, layout_.columns());
}

// ---- steps

void Direction::set_operand(RecurrentStep& args, const float* rows, std::int64_t width, const Share& share) const {
  const ProductRows operand = prepare_rows(operands_, share.thread * view_.batch, args.rows, width, rows, width);
  args.k = width;
  args.a = operand.values;
  args.a_stride = operand.stride;
  args.a_rows = operand.quantized;
}

RecurrentStep Direction::step_arguments(std::int64_t step, const Share& share) const {
  const auto from = static_cast<std::size_t>(step % 2), to = 1 - from;
  const std::int64_t first = order_.first_slot(step), slot = first - order_.first_slot(segment_begin_);
  const bool keeps = reserve_.gates != nullptr, keeps_candidate = reserve_.state != nullptr && !kind_.has_cell_state;
  return {.cell = options_.cell,
          .rows = order_.running(step),
          .hidden = view_.hidden,
          .gates = kind_.gates,
          .first_block = share.begin(blocks()),
          .last_block = share.end(blocks()),
          .backwards = step % 2 != 0,
          .first_gate = 0,
          .last_gate = kind_.gates,
          .k = 0,
          .a = nullptr,
          .a_stride = 0,
          .a_rows = nullptr,
          .panels = w_hh_.weight.panels,
          .scales = w_hh_.weight.scales,
          .sums = w_hh_.weight.sums,
          .bias = w_hh_.bias,
          .h_gates = keeps ? reserve_.gates + first * layout_.columns() : h_gates_,
          .columns = layout_.columns(),
          .x_gates = x_gates_ + slot * layout_.columns(),
          .h_prev = h_[from],
          .c_prev = cell_state(step),
          .h = hidden_ != nullptr ? hidden_ : h_[to],
          .c = cell_state(step + 1),
          .peephole = peephole_,
          .stride = view_.hidden,
          .keep_gates = keeps,
          .candidate = keeps_candidate ? reserve_.state + first * view_.hidden : nullptr};
}

void Direction::run_product(const RecurrentStep& args) const {
  switch (w_hh_.weight.storage) {
    case DType::bfloat16:
      return kernels().recurrent_step_bf16(&args);
    case DType::int8:
      return kernels().recurrent_step_int8(&args);
    default:
      return kernels().recurrent_step_f32(&args);
  }
}

void Direction::walk(std::int64_t step, const Share& share) {
  const auto to = static_cast<std::size_t>(1 - step % 2);
  RecurrentStep args = step_arguments(step, share);
  set_operand(args, h_[1 - to], view_.width, share);
  std::int64_t first_row = 0, last_row = args.rows;
  std::int64_t begin = share.begin(blocks()) * kPanelColumns;
  std::int64_t end = std::min(share.end(blocks()) * kPanelColumns, view_.hidden);
  if (norm_hh_ != nullptr) {
    args.cell = RecurrentCell::gates_only;
    run_product(args);
    share.meet();
    first_row = share.begin(args.rows);
    last_row = share.end(args.rows);
    begin = 0;
    end = view_.width;
    finish_normalized(step, args, share);
  } else if (options_.reset_before) {
    args.cell = RecurrentCell::gru_reset;
    args.last_gate = 2;
    run_product(args);
    share.meet();
    args.cell = RecurrentCell::gru_candidate;
    args.first_gate = 2;
    args.last_gate = 3;
    args.h = h_[to];
    set_operand(args, hidden_, view_.hidden, share);
    run_product(args);
  } else {
    run_product(args);
  }
  if (is_projected()) {
    share.meet();
    project_states(step, share);
    first_row = 0;
    last_row = args.rows;
    begin = share.begin(num_panels(view_.width)) * kPanelColumns;
    end = std::min(share.end(num_panels(view_.width)) * kPanelColumns, view_.width);
  }
  if (view_.y.data != nullptr) store_outputs(step, first_row, last_row, begin, end);
  share.meet();
}

/// Norm and cell for the rows of this share, with all their units.
void Direction::finish_normalized(std::int64_t step, RecurrentStep args, const Share& share) const {
  const std::int64_t first = share.begin(args.rows), rows = share.end(args.rows) - first;
  if (rows == 0) return;
  args.cell = options_.cell;
  args.rows = rows;
  args.first_block = 0;
  args.last_block = blocks();
  args.bias = nullptr;
  args.h_gates += first * args.columns;
  args.x_gates += first * args.columns;
  for (const float** states : {&args.h_prev, &args.c_prev}) {
    if (*states != nullptr) *states += first * args.stride;
  }
  for (float** states : {&args.h, &args.c, &args.candidate}) {
    if (*states != nullptr) *states += first * args.stride;
  }
  if (reserve_.gates != nullptr) {
    float* kept = reserve_.h_products + (order_.first_slot(step) + first) * args.columns;
    std::copy_n(args.h_gates, rows * args.columns, kept);
  }
  normalize(args.h_gates, rows, norm_hh_, norm_hh_bias_);
  kernels().recurrent_cell(&args);
  if (norm_c_ == nullptr) return;
  const NormalizeCell norm{&args, norm_c_, norm_c_bias_, options_.epsilon};
  kernels().normalize_cell(&norm);
}

void Direction::normalize(float* gates, std::int64_t rows, const float* weight, const float* bias) const {
  const std::int64_t all = kind_.gates, first = kind_.first_norm_gates;
  for (const auto& [begin, end] : {std::pair{std::int64_t{0}, first}, std::pair{first, all}}) {
    if (begin == end) continue;
    const NormalizeGates args{rows,  view_.hidden,      all,    begin, end,
                              gates, layout_.columns(), weight, bias,  options_.epsilon};
    kernels().normalize_gates(&args);
  }
}

/// h = W_hr m for the columns of this share.
void Direction::project_states(std::int64_t step, const Share& share) {
  const std::int64_t rows = order_.running(step);
  const ProductRows operand =
      prepare_rows(hidden_operands_, share.thread * view_.batch, rows, view_.hidden, hidden_, view_.hidden);
  const std::int64_t panels = num_panels(view_.width);
  const std::int64_t begin = share.begin(panels) * kPanelColumns;
  const std::int64_t end = std::min(share.end(panels) * kPanelColumns, view_.width);
  if (begin >= end) return;
  Product product;
  product.m = rows;
  product.n = view_.width;
  product.a = operand;
  product.b = w_hr_;
  product.panel = kPanelColumns;
  product.c = h_[static_cast<std::size_t>(1 - step % 2)];
  product.ldc = view_.width;
  multiply(part(product, 0, rows, begin, end - begin));
}

/// New states of rows [first_row, last_row), units [begin, end) -> their time steps of y.
void Direction::store_outputs(std::int64_t step, std::int64_t first_row, std::int64_t last_row, std::int64_t begin,
                              std::int64_t end) const {
  if (begin >= end) return;
  const float* h = h_[static_cast<std::size_t>(1 - step % 2)];
  for (std::int64_t place = first_row; place < last_row; ++place) {
    const std::int64_t slot = order_.row(place) * view_.time + order_.time(place, step);
    std::copy(h + place * view_.width + begin, h + place * view_.width + end, view_.y.row(slot) + begin);
  }
}

}  // namespace pyseq
