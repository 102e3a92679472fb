// The second half of a recurrent layer's vjp: sums and products over the gradients of the gates of all steps.
#include <algorithm>

#include "ops/gradients.h"
#include "ops/recurrent_backward.h"
#include "ops/unpacked_gemm.h"

namespace pyseq {
namespace {

/// Slots that a task copies or normalises.
constexpr std::int64_t kSlotsPerTask = 16;

}  // namespace

void BackwardDirection::finish() {
  store_rows(dh_, view_.width, call_.dh0);
  if (kind_.has_cell_state) store_rows(dc_, view_.hidden, call_.dc0);
  give_biases();
  give_norms();
  give_state_weights();
  // Of W_ih x from here on.
  give_input_weight();
  give_x();
}

void BackwardDirection::add_rows(const float* terms, std::int64_t columns, Tensor gradient) const {
  if (wants(gradient)) sum_rows(terms, slots_, columns, gradient.mutable_data<float>(), scratch_);
}

void BackwardDirection::give_biases() {
  Tensor b_ih = call_.gradients.b_ih, b_hh = call_.gradients.b_hh;
  add_rows(dx_gates_, gate_values_, b_ih);
  if (dh_gates_ == dx_gates_ && wants(b_ih) && wants(b_hh)) {
    std::copy_n(b_ih.data<float>(), gate_values_, b_hh.mutable_data<float>());
  } else {
    add_rows(dh_gates_, gate_values_, b_hh);
  }
}

/// The norms; those of gates turn the gradients of what W_ih x was normalised to into those of W_ih x.
void BackwardDirection::give_norms() {
  const DirectionWeights& gradients = call_.gradients;
  add_rows(peephole_terms_, (kind_.gates - 1) * view_.hidden, gradients.peephole);
  if (!has_norms()) return;
  parallel_for(slots_, kSlotsPerTask, [&](std::int64_t begin, std::int64_t end) {
    normalize_gates(begin, end - begin, call_.reserve.x_products, call_.weights.norm_ih, dx_gates_, dx_gates_,
                    norm_ih_terms_);
  });
  add_rows(norm_ih_terms_, gate_values_, gradients.norm_ih);
  add_rows(norm_hh_terms_, gate_values_, gradients.norm_hh);
  add_rows(norm_c_terms_, view_.hidden, gradients.norm_c);
  add_rows(norm_c_bias_terms_, view_.hidden, gradients.norm_c_bias);
}

void BackwardDirection::give_product(const float* gates, std::int64_t rows, std::int64_t stride, const float* x,
                                     std::int64_t columns, float* gradient) const {
  unpacked_gemm({.m = rows,
                 .n = columns,
                 .k = slots_,
                 .a = {gates, stride, true},
                 .b = {x, columns},
                 .c = gradient,
                 .ldc = columns},
                limits_);
}

void BackwardDirection::give_state_weights() {
  const std::int64_t width = view_.width, hidden = view_.hidden;
  if (Tensor w_hh = call_.gradients.w_hh; wants(w_hh)) {
    float* gradient = w_hh.mutable_data<float>();
    give_product(dh_products_, w_hh_.rows, gate_values_, h_prev_, width, gradient);
    if (w_hn_.values != nullptr) {
      give_product(dh_products_ + w_hh_.rows, w_hn_.rows, gate_values_, product_input_, width,
                   gradient + w_hh_.rows * width);
    }
  }
  if (Tensor w_hr = call_.gradients.w_hr; wants(w_hr)) {
    give_product(d_projected_, width, width, product_input_, hidden, w_hr.mutable_data<float>());
  }
}

/// visit(slot, row of x) for the slots of all steps, shared among threads.
template <typename Visit>
void BackwardDirection::for_each_slot(Visit visit) const {
  parallel_for(order_.steps(), std::max<std::int64_t>(1, kSlotsPerTask / view_.batch),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t step = begin; step < end; ++step) {
                   for (std::int64_t place = 0; place < order_.running(step); ++place) {
                     visit(order_.first_slot(step) + place, order_.row(place) * view_.time + order_.time(place, step));
                   }
                 }
               });
}

bool BackwardDirection::is_in_order() const {
  return view_.lengths == nullptr && (view_.time == 1 || (view_.batch == 1 && !view_.reverse));
}

void BackwardDirection::give_input_weight() {
  Tensor w_ih = call_.gradients.w_ih;
  if (!wants(w_ih)) return;
  const float* x = view_.x;
  if (!is_in_order()) {
    float* gathered = allocate(slots_ * view_.in);
    for_each_slot([&](std::int64_t slot, std::int64_t row) {
      std::copy_n(view_.x + row * view_.in, view_.in, gathered + slot * view_.in);
    });
    x = gathered;
  }
  give_product(dx_gates_, gate_values_, gate_values_, x, view_.in, w_ih.mutable_data<float>());
}

/// rows [slots, in] = gradients of W_ih x, times W_ih. All rows share one packed weight.
void BackwardDirection::multiply_with_input_weight(float* rows) {
  const BackwardWeight w_ih{call_.weights.w_ih.data<float>(), gate_values_, view_.in,
                            allocate(gate_values_ * padded_columns(view_.in))};
  parallel_for(w_ih.num_panels(), 1, [&](std::int64_t begin, std::int64_t end) { w_ih.pack_panels(begin, end); });
  Product product = w_ih.product(slots_, dx_gates_, gate_values_);
  product.c = rows;
  parallel_multiply(product, limits_);
}

void BackwardDirection::give_x() {
  Tensor gradient = call_.dx;
  if (!wants(gradient)) return;
  float* dx = gradient.mutable_data<float>();
  const bool is_written_as_it_is = is_in_order() && !call_.adds_to_dx;
  float* rows = is_written_as_it_is ? dx : allocate(slots_ * view_.in);
  multiply_with_input_weight(rows);
  if (is_written_as_it_is) return;
  if (view_.lengths != nullptr && !call_.adds_to_dx) std::fill_n(dx, gradient.num_elements(), 0.0F);
  for_each_slot([&](std::int64_t slot, std::int64_t row) {
    const float* from = rows + slot * view_.in;
    float* to = dx + row * view_.in;
    if (call_.adds_to_dx) {
      std::transform(from, from + view_.in, to, to, std::plus<>());
    } else {
      std::copy_n(from, view_.in, to);
    }
  });
}

}  // namespace pyseq
