// The element-wise part of a recurrent step; the matrix products before it are gemms. Every element is read before it
// is written, so h may be h_prev and c may be c_prev.
#pragma once

#include "kernels/recurrent/args.h"
#include "kernels/vector/elementwise.h"

namespace pyseq {
namespace {

/// One vector of gate g of one row: of the input projection (x), of the recurrent one (h), and their sum.
struct Gates {
  const float* x_gates;
  const float* h_gates;
  std::int64_t width, unit;

  Float x(int gate) const { return load(x_gates + gate * width + unit); }
  Float h(int gate) const { return load(h_gates + gate * width + unit); }
  Float sum(int gate) const { return x(gate) + h(gate); }
};

/// step(gates, row, unit, count) for every vector of units; `count` of its lanes exist.
template <typename Step>
inline void for_each_unit(const RecurrentCellF32& cell, Step step) {
  for (std::int64_t r = 0; r < cell.rows; ++r) {
    for (std::int64_t u = 0; u < cell.units; u += kLanes) {
      const Gates gates{cell.x_gates + r * cell.x_stride, cell.h_gates + r * cell.h_stride, cell.width, u};
      step(gates, r * cell.prev_stride + u, r * cell.state_stride + u, cell.units - u);
    }
  }
}

/// h = activation(x + h)
void rnn_cell_f32(const RecurrentCellF32* args) {
  const bool is_relu = args->activation == Activation::relu;
  for_each_unit(*args, [=](const Gates& gates, std::int64_t, std::int64_t to, std::int64_t count) {
    const Float sum = gates.sum(0);
    store(args->h + to, is_relu ? relu(sum) : tanh(sum), count);
  });
}

/// Gates i, f, g, o: c = σ(f) c_prev + σ(i) tanh(g), h = σ(o) tanh(c)
void lstm_cell_f32(const RecurrentCellF32* args) {
  for_each_unit(*args, [=](const Gates& gates, std::int64_t from, std::int64_t to, std::int64_t count) {
    const Float input = sigmoid(gates.sum(0)) * tanh(gates.sum(2));
    const Float c = fma(sigmoid(gates.sum(1)), load(args->c_prev + from, count), input);
    const Float h = sigmoid(gates.sum(3)) * tanh(c);
    store(args->c + to, c, count);
    store(args->h + to, h, count);
  });
}

/// Gates r, z, n: n = tanh(x_n + σ(r) h_n), h = (1 - σ(z)) n + σ(z) h_prev
void gru_cell_f32(const RecurrentCellF32* args) {
  for_each_unit(*args, [=](const Gates& gates, std::int64_t from, std::int64_t to, std::int64_t count) {
    const Float candidate = tanh(fma(sigmoid(gates.sum(0)), gates.h(2), gates.x(2)));
    const Float update = sigmoid(gates.sum(1));
    const Float h = fma(update, load(args->h_prev + from, count), (1.0F - update) * candidate);
    store(args->h + to, h, count);
  });
}

}  // namespace
}  // namespace pyseq
