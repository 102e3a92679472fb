// The element-wise part of a recurrent step.
#pragma once

#include "kernels/recurrent/blocks.h"
#include "kernels/vector/elementwise.h"

namespace pyseq {
namespace {

/// Gates that hold float32 sums.
struct FloatSums {
  static Float value(const RecurrentStep&, std::int64_t, std::int64_t, const float* sum) { return load(sum); }
};
/// Gates that hold int32 sums of int8 products.
struct Int8Sums {
  static Float value(const RecurrentStep& step, std::int64_t row, std::int64_t column, const float* sum) {
    const QuantizedRow of = step.a_rows[row];
    const Int excess = load_bits(step.sums + column) * broadcast(of.zero);
    return to_float(bits(load(sum)) - excess) * (of.scale * load(step.scales + column));
  }
};

/// One vector of units of one row, gate by gate.
template <typename Sums>
struct UnitGates {
  const RecurrentStep& step;
  std::int64_t row, column, width;  // the column of gate 0

  float* sum_at(int gate) const { return step.h_gates + row * step.columns + column + gate * width; }
  /// W_ih x + b_ih
  Float x(int gate) const { return load(step.x_gates + row * step.columns + column + gate * width); }
  /// W_hh h + b_hh
  Float h(int gate) const {
    const std::int64_t at = column + gate * width;
    const Float value = Sums::value(step, row, at, sum_at(gate));
    return step.bias == nullptr ? value : value + load(step.bias + at);
  }
  Float sum(int gate) const { return x(gate) + h(gate); }
  /// Leaves an activated gate for the vjp, in place of its sum.
  void keep(int gate, Float value) const {
    if (step.keep_gates) store(sum_at(gate), value);
  }
};

/// States of one vector of units of one row; `count` lanes exist.
struct UnitStates {
  const RecurrentStep& step;
  std::int64_t at, unit, count;

  Float h_prev() const { return load(step.h_prev + at, count); }
  Float c_prev() const { return load(step.c_prev + at, count); }
  Float peephole(int index) const { return load(step.peephole + index * step.hidden + unit, count); }
  void set_h(Float value) const { store(step.h + at, value, count); }
  void set_c(Float value) const { store(step.c + at, value, count); }
  void keep_candidate(Float value) const {
    if (step.candidate != nullptr) store(step.candidate + at, value, count);
  }
};

/// cell(gates, states) for every vector of units of a block.
template <typename Sums, typename Cell>
inline void for_each_unit(const RecurrentStep& step, const UnitBlock& block, Cell cell) {
  for (std::int64_t row = 0; row < step.rows; ++row) {
    for (std::int64_t u = 0; u < block.units; u += kLanes) {
      const std::int64_t unit = block.first + u;
      cell(UnitGates<Sums>{step, row, block.column + u, block.width},
           UnitStates{step, row * step.stride + unit, unit, block.units - u});
    }
  }
}

template <typename Sums>
inline void rnn_unit(const UnitGates<Sums>& gates, const UnitStates& states, Float h) {
  states.set_h(h);
  gates.keep(0, h);
}

/// (1 - z) n + z h_prev
inline Float gru_update(Float z, Float n, Float h_prev) {
  return fma(z, h_prev, (1.0F - z) * n);
}

/// Gates i, f, g, o: c = σ(f) c_prev + σ(i) tanh(g), h = σ(o) tanh(c). Peepholes add p_i c_prev, p_f c_prev and p_o c.
template <typename Sums, bool HasPeephole>
inline void lstm_unit(const UnitGates<Sums>& gates, const UnitStates& states) {
  const Float c_prev = states.c_prev();
  Float i = gates.sum(0), f = gates.sum(1), o = gates.sum(3);
  if constexpr (HasPeephole) {
    i = fma(states.peephole(0), c_prev, i);
    f = fma(states.peephole(1), c_prev, f);
  }
  i = sigmoid(i), f = sigmoid(f);
  const Float g = tanh(gates.sum(2));
  const Float c = fma(f, c_prev, i * g);
  if constexpr (HasPeephole) o = fma(states.peephole(2), c, o);
  o = sigmoid(o);
  states.set_c(c);
  states.set_h(o * tanh(c));
  gates.keep(0, i);
  gates.keep(1, f);
  gates.keep(2, g);
  gates.keep(3, o);
}

/// Gates f, g, o with i = 1 - σ(f).
template <typename Sums, bool HasPeephole>
inline void coupled_lstm_unit(const UnitGates<Sums>& gates, const UnitStates& states) {
  const Float c_prev = states.c_prev();
  Float f = gates.sum(0), o = gates.sum(2);
  if constexpr (HasPeephole) f = fma(states.peephole(0), c_prev, f);
  f = sigmoid(f);
  const Float g = tanh(gates.sum(1));
  const Float c = fma(f, c_prev, (1.0F - f) * g);
  if constexpr (HasPeephole) o = fma(states.peephole(1), c, o);
  o = sigmoid(o);
  states.set_c(c);
  states.set_h(o * tanh(c));
  gates.keep(0, f);
  gates.keep(1, g);
  gates.keep(2, o);
}

template <typename Sums>
void run_lstm_cell(const RecurrentStep& step, const UnitBlock& block) {
  using Gates = const UnitGates<Sums>&;
  using States = const UnitStates&;
  const bool coupled = step.cell == RecurrentCell::coupled_lstm;
  if (step.peephole == nullptr) {
    if (coupled)
      return for_each_unit<Sums>(step, block, [](Gates g, States s) { coupled_lstm_unit<Sums, false>(g, s); });
    return for_each_unit<Sums>(step, block, [](Gates g, States s) { lstm_unit<Sums, false>(g, s); });
  }
  if (coupled) return for_each_unit<Sums>(step, block, [](Gates g, States s) { coupled_lstm_unit<Sums, true>(g, s); });
  for_each_unit<Sums>(step, block, [](Gates g, States s) { lstm_unit<Sums, true>(g, s); });
}

template <typename Sums>
void run_gru_cell(const RecurrentStep& step, const UnitBlock& block) {
  using Gates = const UnitGates<Sums>&;
  using States = const UnitStates&;
  switch (step.cell) {
    case RecurrentCell::gru:  // n = tanh(x_n + σ(r) h_n)
      return for_each_unit<Sums>(step, block, [](Gates gates, States states) {
        const Float r = sigmoid(gates.sum(0)), z = sigmoid(gates.sum(1)), from_h = gates.h(2);
        const Float n = tanh(fma(r, from_h, gates.x(2)));
        states.set_h(gru_update(z, n, states.h_prev()));
        gates.keep(0, r);
        gates.keep(1, z);
        gates.keep(2, n);
        states.keep_candidate(from_h);
      });
    case RecurrentCell::gru_reset:
      return for_each_unit<Sums>(step, block, [](Gates gates, States states) {
        const Float r = sigmoid(gates.sum(0));
        store(gates.sum_at(1), sigmoid(gates.sum(1)));
        states.set_h(r * states.h_prev());
        gates.keep(0, r);
      });
    case RecurrentCell::gru_candidate:
      return for_each_unit<Sums>(step, block, [](Gates gates, States states) {
        const Float n = tanh(gates.sum(2));
        states.set_h(gru_update(load(gates.sum_at(1)), n, states.h_prev()));
        gates.keep(2, n);
      });
    default:  // simple_gru
      return for_each_unit<Sums>(step, block, [](Gates gates, States states) {
        const Float z = sigmoid(gates.sum(0)), n = tanh(gates.sum(1));
        states.set_h(gru_update(z, n, states.h_prev()));
        gates.keep(0, z);
        gates.keep(1, n);
      });
  }
}

template <typename Sums>
void run_cell(const RecurrentStep& step, const UnitBlock& block) {
  using Gates = const UnitGates<Sums>&;
  using States = const UnitStates&;
  switch (step.cell) {
    case RecurrentCell::gates_only:
      return for_each_unit<Sums>(step, block, [](Gates gates, States) {
        for (int gate = static_cast<int>(gates.step.first_gate); gate < gates.step.last_gate; ++gate) {
          store(gates.sum_at(gate), gates.h(gate));
        }
      });
    case RecurrentCell::rnn_tanh:
      return for_each_unit<Sums>(step, block,
                                 [](Gates gates, States states) { rnn_unit(gates, states, tanh(gates.sum(0))); });
    case RecurrentCell::rnn_relu:
      return for_each_unit<Sums>(step, block,
                                 [](Gates gates, States states) { rnn_unit(gates, states, relu(gates.sum(0))); });
    case RecurrentCell::lstm:
    case RecurrentCell::coupled_lstm:
      return run_lstm_cell<Sums>(step, block);
    default:
      return run_gru_cell<Sums>(step, block);
  }
}

}  // namespace
}  // namespace pyseq
