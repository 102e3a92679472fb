#include "fixture.h"

namespace pyseq {
namespace {

/// One block of units with `gates` gates per unit, and strides larger than needed.
struct Cell {
  std::int64_t rows, units, gates;
  std::int64_t width = (units + 15) / 16 * 16, stride = gates * width + 16, state_stride = units + 1;
  Buffer x = random_values(rows * stride, 1, -4.0F, 4.0F), h = random_values(rows * stride, 2, -4.0F, 4.0F);
  Buffer h_prev = random_values(rows * state_stride, 3), c_prev = random_values(rows * state_stride, 4, -3.0F, 3.0F);

  RecurrentCellF32 args(float* new_h, float* new_c, Activation activation = Activation::tanh) const {
    return {rows,          units,         width,        x.data(), stride, h.data(),     stride,
            h_prev.data(), c_prev.data(), state_stride, new_h,    new_c,  state_stride, activation};
  }
  double gate(const Buffer& gates_of, std::int64_t r, std::int64_t g, std::int64_t u) const {
    return gates_of[r * stride + g * width + u];
  }
  double sum(std::int64_t r, std::int64_t g, std::int64_t u) const { return gate(x, r, g, u) + gate(h, r, g, u); }
};

using CellKernel = void (*KernelTable::*)(const RecurrentCellF32*);
using Reference = std::pair<double, double> (*)(const Cell&, std::int64_t r, std::int64_t u);

void check_cell(CellKernel kernel, Reference reference, std::int64_t gates, Activation activation = Activation::tanh) {
  for (const std::int64_t rows : {1, 5}) {
    for (std::int64_t units = 1; units <= 32; ++units) {
      const Cell cell{rows, units, gates};
      for_each_tier([&](const KernelTable& table) {
        CAPTURE(rows);
        CAPTURE(units);
        Buffer h(rows * cell.state_stride, -9.0F), c(rows * cell.state_stride, -9.0F);
        const RecurrentCellF32 args = cell.args(h.data(), c.data(), activation);
        (table.*kernel)(&args);
        Buffer h_in_place(cell.h_prev), c_in_place(cell.c_prev);
        RecurrentCellF32 in_place = cell.args(h_in_place.data(), c_in_place.data(), activation);
        in_place.h_prev = h_in_place.data();
        in_place.c_prev = c_in_place.data();
        (table.*kernel)(&in_place);
        for (std::int64_t r = 0; r < rows; ++r) {
          for (std::int64_t u = 0; u < units; ++u) {
            const std::int64_t at = r * cell.state_stride + u;
            const auto [expected_h, expected_c] = reference(cell, r, u);
            CHECK(h[at] == doctest::Approx(expected_h).epsilon(1e-6));
            if (gates == 4) CHECK(c[at] == doctest::Approx(expected_c).epsilon(1e-6));
            CHECK(same_bits(&h[at], &h_in_place[at], 1));
            if (gates == 4) CHECK(same_bits(&c[at], &c_in_place[at], 1));
          }
          CHECK(h[r * cell.state_stride + units] == -9.0F);
          CHECK(c[r * cell.state_stride + units] == -9.0F);
        }
      });
    }
  }
}

TEST_CASE("lstm_cell: i, f, g, o") {
  check_cell(
      &KernelTable::lstm_cell_f32,
      [](const Cell& cell, std::int64_t r, std::int64_t u) {
        const double c = sigmoid(cell.sum(r, 1, u)) * cell.c_prev[r * cell.state_stride + u] +
                         sigmoid(cell.sum(r, 0, u)) * std::tanh(cell.sum(r, 2, u));
        return std::pair{sigmoid(cell.sum(r, 3, u)) * std::tanh(c), c};
      },
      4);
}

TEST_CASE("gru_cell: r, z, n with the reset after the recurrent product") {
  check_cell(
      &KernelTable::gru_cell_f32,
      [](const Cell& cell, std::int64_t r, std::int64_t u) {
        const double candidate =
            std::tanh(cell.gate(cell.x, r, 2, u) + sigmoid(cell.sum(r, 0, u)) * cell.gate(cell.h, r, 2, u));
        const double z = sigmoid(cell.sum(r, 1, u));
        return std::pair{(1.0 - z) * candidate + z * cell.h_prev[r * cell.state_stride + u], 0.0};
      },
      3);
}

TEST_CASE("rnn_cell: tanh and relu") {
  check_cell(
      &KernelTable::rnn_cell_f32,
      [](const Cell& cell, std::int64_t r, std::int64_t u) { return std::pair{std::tanh(cell.sum(r, 0, u)), 0.0}; }, 1);
  check_cell(
      &KernelTable::rnn_cell_f32,
      [](const Cell& cell, std::int64_t r, std::int64_t u) { return std::pair{std::max(cell.sum(r, 0, u), 0.0), 0.0}; },
      1, Activation::relu);
}

}  // namespace
}  // namespace pyseq
