#include "base/packing.h"
#include "fixture.h"

namespace pyseq {
namespace {

using Unit = std::vector<double>;  // values of one unit of one row, by gate

/// A cell and its float64 equations for one unit.
struct Cell {
  RecurrentCell type;
  int gates;
  bool has_peephole = false;

  bool is_lstm() const { return type == RecurrentCell::lstm || type == RecurrentCell::coupled_lstm; }
  /// x, h: what comes from the input and from the state; p: peepholes.
  std::pair<double, double> next(const Unit& x, const Unit& h, const Unit& p, double h_prev, double c_prev) const {
    const auto a = [&](std::size_t gate) { return x[gate] + h[gate]; };
    const auto peephole = [&](std::size_t index) { return has_peephole ? p[index] : 0.0; };
    switch (type) {
      case RecurrentCell::rnn_tanh:
        return {std::tanh(a(0)), 0.0};
      case RecurrentCell::rnn_relu:
        return {std::max(a(0), 0.0), 0.0};
      case RecurrentCell::gru: {
        const double n = std::tanh(x[2] + sigmoid(a(0)) * h[2]), z = sigmoid(a(1));
        return {(1.0 - z) * n + z * h_prev, 0.0};
      }
      case RecurrentCell::simple_gru: {
        const double z = sigmoid(a(0));
        return {(1.0 - z) * std::tanh(a(1)) + z * h_prev, 0.0};
      }
      case RecurrentCell::lstm: {
        const double i = sigmoid(a(0) + peephole(0) * c_prev), f = sigmoid(a(1) + peephole(1) * c_prev);
        const double c = f * c_prev + i * std::tanh(a(2));
        return {sigmoid(a(3) + peephole(2) * c) * std::tanh(c), c};
      }
      default: {
        const double f = sigmoid(a(0) + peephole(0) * c_prev);
        const double c = f * c_prev + (1.0 - f) * std::tanh(a(1));
        return {sigmoid(a(2) + peephole(1) * c) * std::tanh(c), c};
      }
    }
  }
};

const Cell kCells[] = {{RecurrentCell::rnn_tanh, 1},     {RecurrentCell::rnn_relu, 1},
                       {RecurrentCell::gru, 3},          {RecurrentCell::simple_gru, 2},
                       {RecurrentCell::lstm, 4},         {RecurrentCell::lstm, 4, true},
                       {RecurrentCell::coupled_lstm, 3}, {RecurrentCell::coupled_lstm, 3, true}};

/// Inputs of one step, states with a stride larger than needed.
struct Step {
  Cell cell;
  std::int64_t rows, hidden, k;
  std::int64_t columns = cell.gates * padded_columns(hidden), stride = hidden + 1;
  Buffer a = random_values(rows * k, 1), weight = random_values(cell.gates * hidden * k, 2, -0.2F, 0.2F);
  Buffer bias_by_gate = random_values(cell.gates * hidden, 3), x_gates = random_values(rows * columns, 4, -4.0F, 4.0F);
  Buffer h_prev = random_values(rows * stride, 5), c_prev = random_values(rows * stride, 6, -3.0F, 3.0F);
  Buffer peephole = random_values(3 * hidden, 7);
  Buffer panels = Buffer(packed_size(hidden, cell.gates, k)), bias = Buffer(columns), h_gates = Buffer(rows * columns);

  Step(const Cell& of, std::int64_t row_count, std::int64_t units, std::int64_t inputs)
      : cell(of), rows(row_count), hidden(units), k(inputs) {
    pack_panels(weight.data(), hidden, cell.gates, k, panels.data());
    pack_bias(bias_by_gate.data(), hidden, cell.gates, bias.data());
  }

  RecurrentStep args(float* h, float* c) {
    RecurrentStep step{};
    step.cell = cell.type;
    step.rows = rows;
    step.hidden = hidden;
    step.gates = step.last_gate = cell.gates;
    step.last_block = (hidden + kPanelColumns - 1) / kPanelColumns;
    step.k = step.a_stride = k;
    step.a = a.data();
    step.panels = panels.data();
    step.bias = bias.data();
    step.h_gates = h_gates.data();
    step.columns = columns;
    step.x_gates = x_gates.data();
    step.h_prev = h_prev.data();
    step.c_prev = c_prev.data();
    step.h = h;
    step.c = c;
    step.peephole = cell.has_peephole ? peephole.data() : nullptr;
    step.stride = stride;
    return step;
  }
  std::int64_t column(std::int64_t gate, std::int64_t unit) const {
    const std::int64_t block = unit / 32, first = block * 32;
    return first * cell.gates + gate * panel_width(std::min<std::int64_t>(32, hidden - first)) + unit % 32;
  }
  std::pair<double, double> expected(std::int64_t row, std::int64_t unit) const {
    Unit x, h, p;
    for (std::int64_t gate = 0; gate < cell.gates; ++gate) {
      x.push_back(x_gates[row * columns + column(gate, unit)]);
      double sum = bias_by_gate[gate * hidden + unit];
      for (std::int64_t i = 0; i < k; ++i) {
        sum += double{a[row * k + i]} * weight[(gate * hidden + unit) * k + i];
      }
      h.push_back(sum);
      p.push_back(gate < 3 ? peephole[gate * hidden + unit] : 0.0F);
    }
    return cell.next(x, h, p, h_prev[row * stride + unit], c_prev[row * stride + unit]);
  }
};

TEST_CASE("recurrent_step equals float64 for every cell and shape") {
  for (const Cell& cell : kCells) {
    for (const std::int64_t rows : {1, 2, 4, 14}) {
      for (const std::int64_t hidden : {1, 16, 17, 32, 33, 48, 64, 150}) {
        Step step(cell, rows, hidden, hidden == 64 ? 300 : 9);
        for_each_tier([&](const KernelTable& table) {
          CAPTURE(static_cast<int>(cell.type));
          CAPTURE(rows);
          CAPTURE(hidden);
          Buffer h(rows * step.stride, -9.0F), c(rows * step.stride, -9.0F);
          RecurrentStep args = step.args(h.data(), c.data());
          table.recurrent_step_f32(&args);
          for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t unit = 0; unit < hidden; ++unit) {
              const auto [expected_h, expected_c] = step.expected(row, unit);
              CHECK(h[row * step.stride + unit] == doctest::Approx(expected_h).epsilon(5e-6));
              if (cell.is_lstm()) CHECK(c[row * step.stride + unit] == doctest::Approx(expected_c).epsilon(5e-6));
            }
            CHECK(h[row * step.stride + hidden] == -9.0F);
            CHECK(c[row * step.stride + hidden] == -9.0F);
          }
        });
      }
    }
  }
}

TEST_CASE("recurrent_step: neither rows, nor the cut into blocks, nor their order change a bit") {
  for (const Cell& cell : kCells) {
    Step step(cell, 14, 150, 300);
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(static_cast<int>(cell.type));
      Buffer h(14 * step.stride), c(14 * step.stride), other_h(14 * step.stride), other_c(14 * step.stride);
      const RecurrentStep all = step.args(h.data(), c.data());
      table.recurrent_step_f32(&all);
      for (std::int64_t row = 0; row < 14; ++row) {
        for (std::int64_t block = 0; block < 5; block += 2) {
          RecurrentStep part = step.args(other_h.data() + row * step.stride, other_c.data() + row * step.stride);
          part.rows = 1;
          part.first_block = block;
          part.last_block = std::min<std::int64_t>(5, block + 2);
          part.backwards = row % 2 != 0;
          part.a = step.a.data() + row * step.k;
          part.x_gates += row * step.columns;
          part.h_prev += row * step.stride;
          part.c_prev += row * step.stride;
          table.recurrent_step_f32(&part);
        }
      }
      CHECK(same_bits(h.data(), other_h.data(), 14 * step.stride));
      CHECK(same_bits(c.data(), other_c.data(), 14 * step.stride));
    });
  }
}

TEST_CASE("recurrent_cell: the gates that gates_only leaves give the bits of the whole step, also in place") {
  for (const Cell& cell : kCells) {
    Step step(cell, 3, 50, 20);
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(static_cast<int>(cell.type));
      Buffer h(3 * step.stride), c(3 * step.stride), h_in_place(step.h_prev), c_in_place(step.c_prev);
      RecurrentStep args = step.args(h.data(), c.data());
      table.recurrent_step_f32(&args);
      RecurrentStep in_place = step.args(h_in_place.data(), c_in_place.data());
      in_place.cell = RecurrentCell::gates_only;
      table.recurrent_step_f32(&in_place);
      in_place.cell = cell.type;
      in_place.bias = nullptr;
      in_place.h_prev = h_in_place.data();
      in_place.c_prev = c_in_place.data();
      table.recurrent_cell(&in_place);
      for (std::int64_t row = 0; row < 3; ++row) {
        CHECK(same_bits(&h[row * step.stride], &h_in_place[row * step.stride], 50));
        if (cell.is_lstm()) CHECK(same_bits(&c[row * step.stride], &c_in_place[row * step.stride], 50));
      }
    });
  }
}

TEST_CASE("normalize_gates: mean 0 and variance 1 over a group of gates, padding left out") {
  for (const std::int64_t hidden : {1, 17, 50, 64}) {
    const std::int64_t gates = 3, columns = gates * padded_columns(hidden);
    const Buffer values = random_values(2 * columns, 1, -5.0F, 9.0F);
    const Buffer weight = random_values(columns, 2), bias = random_values(columns, 3);
    const Step step({RecurrentCell::gru, 3}, 1, hidden, 1);
    for_each_tier([&](const KernelTable& table) {
      CAPTURE(hidden);
      Buffer x(values);
      const NormalizeGates args{2, hidden, gates, 1, 3, x.data(), columns, weight.data(), bias.data(), 1e-5F};
      table.normalize_gates(&args);
      for (std::int64_t row = 0; row < 2; ++row) {
        double mean = 0.0, variance = 0.0;
        const auto each = [&](auto visit) {
          for (std::int64_t gate = 1; gate < 3; ++gate) {
            for (std::int64_t unit = 0; unit < hidden; ++unit) visit(step.column(gate, unit));
          }
        };
        const float* row_values = values.data() + row * columns;
        each([&](std::int64_t at) { mean += row_values[at] / (2.0 * static_cast<double>(hidden)); });
        each([&](std::int64_t at) {
          variance += (row_values[at] - mean) * (row_values[at] - mean) / (2.0 * static_cast<double>(hidden));
        });
        each([&](std::int64_t at) {
          const double expected = (row_values[at] - mean) / std::sqrt(variance + 1e-5) * weight[at] + bias[at];
          CHECK(x[row * columns + at] == doctest::Approx(expected).epsilon(5e-6));
        });
        for (std::int64_t unit = 0; unit < hidden; ++unit) {  // gate 0 is not in the group
          CHECK(x[row * columns + step.column(0, unit)] == row_values[step.column(0, unit)]);
        }
      }
    });
  }
}

}  // namespace
}  // namespace pyseq
