// recurrent_cell_gradient: the element-wise part of a recurrent step, backwards.
#pragma once

#include "kernels/recurrent/args.h"
#include "kernels/recurrent/blocks.h"
#include "kernels/vector/elementwise.h"

namespace pyseq {
namespace {

/// One vector of units of one row; `count` lanes exist.
struct UnitGradients {
  const RecurrentCellGradient& step;
  std::int64_t row, column, width, unit, count;  // column: of gate 0 in `kept`, gates `width` apart

  std::int64_t at() const { return row * step.hidden + unit; }
  std::int64_t at(std::int64_t gate) const { return (row * step.gates + gate) * step.hidden + unit; }

  Float gate(int index) const { return load(step.kept + row * step.columns + column + index * width, count); }
  Float state(const float* values) const { return load(values + at(), count); }
  Float dh() const { return state(step.dh); }
  Float peephole(int index) const { return load(step.peephole + index * step.hidden + unit, count); }

  void set_state(float* values, Float value) const { store(values + at(), value, count); }
  void set_gate(int gate, Float value) const { store(step.dx_gates + at(gate), value, count); }
  void set_gate_of_h(int gate, Float value) const { store(step.dh_gates + at(gate), value, count); }
  void set_peephole_term(int index, Float value) const {
    if (step.peephole_terms == nullptr) return;
    store(step.peephole_terms + (row * (step.gates - 1) + index) * step.hidden + unit, value, count);
  }
};

/// σ' and tanh' from the values of the functions.
inline Float sigmoid_slope(Float y) {
  return y * (1.0F - y);
}
inline Float tanh_slope(Float y) {
  return 1.0F - y * y;
}

/// h = o t with t = tanh(c), o = σ(a_o + p c): the gradient of c, and that of the output gate, which is the last one.
template <bool HasPeephole>
inline Float through_output_gate(const UnitGradients& of) {
  const RecurrentCellGradient& step = of.step;
  const int output = static_cast<int>(step.gates) - 1;
  const Float o = of.gate(output), dh = of.dh(), c = of.state(step.c);
  const bool is_normalized = step.tanh_norm != nullptr;
  const Float t = is_normalized ? of.state(step.tanh_norm) : tanh(c);
  const Float d_output = dh * t * sigmoid_slope(o);
  Float dc = of.state(step.dc);
  if (!is_normalized) dc = fma(dh * o, tanh_slope(t), dc);
  if constexpr (HasPeephole) {
    dc = fma(of.peephole(output - 1), d_output, dc);
    of.set_peephole_term(output - 1, d_output * c);
  }
  of.set_gate(output, d_output);
  if (step.product_input != nullptr) of.set_state(step.product_input, o * t);
  return dc;
}

/// c = f c_prev + i g
template <bool HasPeephole>
inline void lstm_gradient(const UnitGradients& of) {
  const Float dc = through_output_gate<HasPeephole>(of), c_prev = of.state(of.step.c_prev);
  const Float i = of.gate(0), f = of.gate(1), g = of.gate(2);
  const Float di = dc * g * sigmoid_slope(i), df = dc * c_prev * sigmoid_slope(f);
  of.set_gate(0, di);
  of.set_gate(1, df);
  of.set_gate(2, dc * i * tanh_slope(g));
  Float dc_prev = dc * f;
  if constexpr (HasPeephole) {
    dc_prev = fma(of.peephole(1), df, fma(of.peephole(0), di, dc_prev));
    of.set_peephole_term(0, di * c_prev);
    of.set_peephole_term(1, df * c_prev);
  }
  of.set_state(of.step.dc, dc_prev);
}

/// c = f c_prev + (1 - f) g
template <bool HasPeephole>
inline void coupled_lstm_gradient(const UnitGradients& of) {
  const Float dc = through_output_gate<HasPeephole>(of), c_prev = of.state(of.step.c_prev);
  const Float f = of.gate(0), g = of.gate(1);
  const Float df = dc * (c_prev - g) * sigmoid_slope(f);
  of.set_gate(0, df);
  of.set_gate(1, dc * (1.0F - f) * tanh_slope(g));
  Float dc_prev = dc * f;
  if constexpr (HasPeephole) {
    dc_prev = fma(of.peephole(0), df, dc_prev);
    of.set_peephole_term(0, df * c_prev);
  }
  of.set_state(of.step.dc, dc_prev);
}

struct UpdateGradient {
  Float z, n;
};
/// h = (1 - z) n + z h_prev: the gradients of z and n before their activations. Leaves that of h_prev.
inline UpdateGradient through_update_gate(const UnitGradients& of, Float z, Float n) {
  const Float dh = of.dh();
  of.set_state(of.step.dh_prev, dh * z);
  return {dh * (of.state(of.step.h_prev) - n) * sigmoid_slope(z), dh * (1.0F - z) * tanh_slope(n)};
}

/// The same for the gates n and, before it, z.
inline void update_gate_gradient(const UnitGradients& of, int n) {
  const UpdateGradient d = through_update_gate(of, of.gate(n - 1), of.gate(n));
  of.set_gate(n - 1, d.z);
  of.set_gate(n, d.n);
}

/// n = tanh(x_n + r h_n)
inline void gru_gradient(const UnitGradients& of) {
  const Float r = of.gate(0);
  const UpdateGradient d = through_update_gate(of, of.gate(1), of.gate(2));
  const Float dr = d.n * of.state(of.step.candidate) * sigmoid_slope(r);
  of.set_gate(0, dr);
  of.set_gate(1, d.z);
  of.set_gate(2, d.n);
  of.set_gate_of_h(0, dr);
  of.set_gate_of_h(1, d.z);
  of.set_gate_of_h(2, d.n * r);
}

/// What read r h_prev has sent back its gradient.
inline void gru_reset_gradient(const UnitGradients& of) {
  const RecurrentCellGradient& step = of.step;
  const Float r = of.gate(0), h_prev = of.state(step.h_prev), d_reset = of.state(step.d_reset);
  of.set_gate(0, d_reset * h_prev * sigmoid_slope(r));
  of.set_state(step.dh_prev, fma(d_reset, r, of.state(step.dh_prev)));
  if (step.product_input != nullptr) of.set_state(step.product_input, r * h_prev);
}

template <typename Cell>
inline void for_each_unit(const RecurrentCellGradient& step, Cell cell) {
  for (std::int64_t row = 0; row < step.rows; ++row) {
    for (std::int64_t first = step.first_unit; first < step.last_unit; first += kBlockUnits) {
      const UnitBlock block = unit_block(step.hidden, step.gates, first / kBlockUnits);
      for (std::int64_t u = 0; u < block.units; u += kLanes) {
        cell(UnitGradients{step, row, block.column + u, block.width, first + u, block.units - u});
      }
    }
  }
}

inline void run_lstm_gradient(const RecurrentCellGradient& step) {
  using Unit = const UnitGradients&;
  const bool coupled = step.cell == RecurrentCell::coupled_lstm;
  if (step.peephole == nullptr) {
    if (coupled) return for_each_unit(step, [](Unit of) { coupled_lstm_gradient<false>(of); });
    return for_each_unit(step, [](Unit of) { lstm_gradient<false>(of); });
  }
  if (coupled) return for_each_unit(step, [](Unit of) { coupled_lstm_gradient<true>(of); });
  for_each_unit(step, [](Unit of) { lstm_gradient<true>(of); });
}

void recurrent_cell_gradient(const RecurrentCellGradient* args) {
  using Unit = const UnitGradients&;
  const RecurrentCellGradient& step = *args;
  switch (step.cell) {
    case RecurrentCell::rnn_tanh:
      return for_each_unit(step, [](Unit of) { of.set_gate(0, of.dh() * tanh_slope(of.gate(0))); });
    case RecurrentCell::rnn_relu:
      return for_each_unit(step, [](Unit of) { of.set_gate(0, select(of.gate(0) > 0.0F, of.dh(), Float{})); });
    case RecurrentCell::gru:
      return for_each_unit(step, [](Unit of) { gru_gradient(of); });
    case RecurrentCell::gru_reset:
      return for_each_unit(step, [](Unit of) { gru_reset_gradient(of); });
    case RecurrentCell::gru_candidate:
      return for_each_unit(step, [](Unit of) { update_gate_gradient(of, 2); });
    case RecurrentCell::simple_gru:
      return for_each_unit(step, [](Unit of) { update_gate_gradient(of, 1); });
    case RecurrentCell::lstm:
    case RecurrentCell::coupled_lstm:
      return run_lstm_gradient(step);
    case RecurrentCell::gates_only:
      return;
  }
}

}  // namespace
}  // namespace pyseq
