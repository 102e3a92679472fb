// The layer norms of recurrent layers, backwards: of gates, and of the cell state of an LSTM.
#pragma once

#include "kernels/recurrent/normalize.h"

namespace pyseq {
namespace {

/// The gradient of y = (x - mean) / deviation with respect to x, from that of y and from y itself.
struct NormGradient {
  float inverse_deviation, mean_dy, mean_product;

  Float dx(Float y, Float dy) const { return (dy - mean_dy - y * mean_product) * inverse_deviation; }
};

/// for_each(visit) calls visit(y, dy, count) for every vector of `size` values.
template <typename ForEach>
inline NormGradient norm_gradient(std::int64_t size, const Moments& of, ForEach for_each) {
  Float sum{}, products{};
  for_each([&](Float y, Float dy, std::int64_t count) {
    const Float inside = select(first_lanes(count), dy, Float{});
    sum += inside;
    products = fma(inside, select(first_lanes(count), y, Float{}), products);
  });
  const auto n = static_cast<float>(size);
  return {of.inverse_deviation, sum_of_lanes(sum) / n, sum_of_lanes(products) / n};
}

inline Float centred(Float x, const Moments& of) {
  return (x - of.mean) * of.inverse_deviation;
}

/// visit(column, at, count) for every vector of units of the group: `column` counts in x, `at` in gates one by one.
template <typename Visit>
inline void for_each_gate_unit(const NormalizeGatesGradient& n, Visit visit) {
  for (std::int64_t b = 0; b < num_blocks(n.hidden); ++b) {
    const UnitBlock block = unit_block(n.hidden, n.gates, b);
    for (std::int64_t gate = n.first_gate; gate < n.last_gate; ++gate) {
      for (std::int64_t u = 0; u < block.units; u += kLanes) {
        visit(block.column + gate * block.width + u, gate * n.hidden + block.first + u, block.units - u);
      }
    }
  }
}

void normalize_gates_gradient(const NormalizeGatesGradient* args) {
  const NormalizeGatesGradient& n = *args;
  const std::int64_t size = (n.last_gate - n.first_gate) * n.hidden;
  for (std::int64_t row = 0; row < n.rows; ++row) {
    const float* x = n.x + row * n.columns;
    const std::int64_t first = row * n.gates * n.hidden;
    const Moments of = moments(size, n.epsilon, [&](auto visit) {
      for_each_gate_unit(
          n, [&](std::int64_t column, std::int64_t, std::int64_t count) { visit(load(x + column, count), count); });
    });
    const auto value = [&](std::int64_t column, std::int64_t count) { return centred(load(x + column, count), of); };
    const auto scaled = [&](std::int64_t at, std::int64_t count) {
      return load(n.dy + first + at, count) * load(n.weight + at, count);
    };
    const NormGradient gradient = norm_gradient(size, of, [&](auto visit) {
      for_each_gate_unit(n, [&](std::int64_t column, std::int64_t at, std::int64_t count) {
        visit(value(column, count), scaled(at, count), count);
      });
    });
    for_each_gate_unit(n, [&](std::int64_t column, std::int64_t at, std::int64_t count) {
      const Float y = value(column, count), dx = gradient.dx(y, scaled(at, count));
      if (n.weight_terms != nullptr) store(n.weight_terms + first + at, load(n.dy + first + at, count) * y, count);
      store(n.dx + first + at, dx, count);
    });
  }
}

/// With y = (c - mean) / deviation: t = tanh(y weight + bias), and the gradient of what tanh is taken of is dh o t'.
void normalize_cell_gradient(const NormalizeCellGradient* args) {
  const NormalizeCellGradient& n = *args;
  const auto for_each = [&](auto visit) {
    for (std::int64_t b = 0; b < num_blocks(n.hidden); ++b) {
      const UnitBlock block = unit_block(n.hidden, n.gates, b);
      for (std::int64_t u = 0; u < block.units; u += kLanes) {
        visit(block.column + (n.gates - 1) * block.width + u, block.first + u, block.units - u);
      }
    }
  };
  for (std::int64_t row = 0; row < n.rows; ++row) {
    const std::int64_t first = row * n.hidden;
    const float* c = n.c + first;
    const Moments of = moments(n.hidden, n.epsilon, [&](auto visit) {
      for_each([&](std::int64_t, std::int64_t unit, std::int64_t count) { visit(load(c + unit, count), count); });
    });
    for_each([&](std::int64_t, std::int64_t unit, std::int64_t count) {
      const float* bias = n.bias == nullptr ? nullptr : n.bias + unit;
      store(n.tanh_norm + first + unit,
            tanh(normalized(load(c + unit, count), of, load(n.weight + unit, count), bias, count)), count);
    });
    /// Of what tanh is taken of.
    const auto dz = [&](std::int64_t column, std::int64_t unit, std::int64_t count) {
      const Float t = load(n.tanh_norm + first + unit, count), o = load(n.kept + row * n.columns + column, count);
      return load(n.dh + first + unit, count) * o * (1.0F - t * t);
    };
    const NormGradient gradient = norm_gradient(n.hidden, of, [&](auto visit) {
      for_each([&](std::int64_t column, std::int64_t unit, std::int64_t count) {
        visit(centred(load(c + unit, count), of), dz(column, unit, count) * load(n.weight + unit, count), count);
      });
    });
    for_each([&](std::int64_t column, std::int64_t unit, std::int64_t count) {
      const Float y = centred(load(c + unit, count), of), d = dz(column, unit, count);
      if (n.weight_terms != nullptr) store(n.weight_terms + first + unit, d * y, count);
      if (n.bias_terms != nullptr) store(n.bias_terms + first + unit, d, count);
      float* dc = n.dc + first + unit;
      store(dc, load(dc, count) + gradient.dx(y, d * load(n.weight + unit, count)), count);
    });
  }
}

}  // namespace
}  // namespace pyseq
