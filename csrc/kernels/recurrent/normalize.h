// Layer norm inside recurrent layers: of gates, which lie in blocks, and of the cell state of an LSTM.
#pragma once

#include "kernels/recurrent/cells.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

/// visit(column, count) for every vector of units of gates [first_gate, last_gate): blocks ascending, then gates.
template <typename Visit>
inline void for_each_gate_vector(std::int64_t hidden, std::int64_t gates, std::int64_t first_gate,
                                 std::int64_t last_gate, Visit visit) {
  for (std::int64_t b = 0; b < num_blocks(hidden); ++b) {
    const UnitBlock block = unit_block(hidden, gates, b);
    for (std::int64_t gate = first_gate; gate < last_gate; ++gate) {
      for (std::int64_t u = 0; u < block.units; u += kLanes) {
        visit(block.column + gate * block.width + u, block.units - u);
      }
    }
  }
}

struct Moments {
  float mean, inverse_deviation;
};

/// Over `size` values, given vector by vector: for_each(visit) calls visit(values, count).
template <typename ForEach>
inline Moments moments(std::int64_t size, float epsilon, ForEach for_each) {
  Float sum{};
  for_each([&](Float x, std::int64_t count) { sum += select(first_lanes(count), x, Float{}); });
  const float mean = sum_of_lanes(sum) / static_cast<float>(size);
  Float squares{};
  for_each([&](Float x, std::int64_t count) {
    const Float centred = select(first_lanes(count), x - mean, Float{});
    squares = fma(centred, centred, squares);
  });
  const float variance = sum_of_lanes(squares) / static_cast<float>(size);
  return {mean, 1.0F / __builtin_sqrtf(variance + epsilon)};
}

inline Float normalized(Float x, const Moments& of, Float weight, const float* bias, std::int64_t count) {
  const Float y = (x - of.mean) * of.inverse_deviation * weight;
  return bias == nullptr ? y : y + load(bias, count);
}

void normalize_gates(const NormalizeGates* args) {
  const NormalizeGates& n = *args;
  const auto for_each = [&](auto visit) { for_each_gate_vector(n.hidden, n.gates, n.first_gate, n.last_gate, visit); };
  for (std::int64_t row = 0; row < n.rows; ++row) {
    float* x = n.x + row * n.columns;
    const Moments of = moments((n.last_gate - n.first_gate) * n.hidden, n.epsilon, [&](auto visit) {
      for_each([&](std::int64_t column, std::int64_t count) { visit(load(x + column), count); });
    });
    for_each([&](std::int64_t column, std::int64_t count) {
      const float* bias = n.bias == nullptr ? nullptr : n.bias + column;
      store(x + column, normalized(load(x + column), of, load(n.weight + column), bias, count), count);
    });
  }
}

/// σ(gate + p_o c), which the cell has left in place of the gate when it keeps gates.
inline Float output_gate(const UnitGates<FloatSums>& gates, std::int64_t unit, std::int64_t count, Float c) {
  const RecurrentStep& step = gates.step;
  const int o = static_cast<int>(step.gates) - 1;
  if (step.keep_gates) return load(gates.sum_at(o));
  Float gate = gates.sum(o);
  if (step.peephole != nullptr) gate = fma(load(step.peephole + (o - 1) * step.hidden + unit, count), c, gate);
  return sigmoid(gate);
}

/// h = o tanh(norm(c)), with the c that the cell left.
void normalize_cell(const NormalizeCell* args) {
  const RecurrentStep& step = *args->step;
  for (std::int64_t row = 0; row < step.rows; ++row) {
    const float* c = step.c + row * step.stride;
    const Moments of = moments(step.hidden, args->epsilon, [&](auto visit) {
      for (std::int64_t u = 0; u < step.hidden; u += kLanes) visit(load(c + u, step.hidden - u), step.hidden - u);
    });
    for (std::int64_t b = 0; b < num_blocks(step.hidden); ++b) {
      const UnitBlock block = unit_block(step.hidden, step.gates, b);
      for (std::int64_t u = 0; u < block.units; u += kLanes) {
        const std::int64_t unit = block.first + u, count = block.units - u;
        const Float value = load(c + unit, count);
        const UnitGates<FloatSums> gates{step, row, block.column + u, block.width};
        const float* bias = args->bias == nullptr ? nullptr : args->bias + unit;
        const Float norm = normalized(value, of, load(args->weight + unit, count), bias, count);
        store(step.h + row * step.stride + unit, output_gate(gates, unit, count, value) * tanh(norm), count);
      }
    }
  }
}

}  // namespace
}  // namespace pyseq
