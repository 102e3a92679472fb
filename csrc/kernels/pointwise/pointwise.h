// Element-wise kernels.
#pragma once

#include "kernels/pointwise/args.h"
#include "kernels/vector/elementwise.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

void activation_f32(const ActivationF32* args) {
  activate(args->activation, args->n, args->x, args->y);
}

void exp_f32(const PointwiseF32* args) {
  map(args->n, args->x, args->y, [](Float v) { return exp(v); });
}
void log_f32(const PointwiseF32* args) {
  map(args->n, args->x, args->y, [](Float v) { return log(v); });
}
void erf_f32(const PointwiseF32* args) {
  map(args->n, args->x, args->y, [](Float v) { return erf(v); });
}

void function_f32(const FunctionF32* args) {
  const float first = args->first, second = args->second;
  const auto apply = [args](auto function) { map(args->n, args->x, args->y, function); };
  switch (args->function) {
    case Function::exp:
      return apply([](Float v) { return exp(v); });
    case Function::log:
      return apply([](Float v) { return log(v); });
    case Function::sqrt:
      return apply([](Float v) { return sqrt(v); });
    case Function::negative:
      return apply([](Float v) { return -v; });
    case Function::softplus:
      return apply([](Float v) { return softplus(v); });
    case Function::elu:
      return apply([first](Float v) { return elu(v, first); });
    case Function::leaky_relu:
      return apply([first](Float v) { return select(v > 0.0F, v, v * first); });
    case Function::clip:
      return apply([first, second](Float v) { return min(broadcast(second), max(broadcast(first), v)); });
  }
}

/// y = operation(a, b): b has a's size, or is a row that repeats.
template <typename Operation>
inline void binary(const BinaryF32* args, Operation operation) {
  for (std::int64_t first = 0; first < args->n; first += args->period) {
    const std::int64_t count = args->n - first < args->period ? args->n - first : args->period;
    const float* a = args->a + first;
    float* y = args->y + first;
    for_row(count, [=](std::int64_t i, std::int64_t part) {
      store(y + i, operation(load(a + i, part), load(args->b + i, part)), part);
    });
  }
}

void add_f32(const BinaryF32* args) {
  binary(args, [](Float a, Float b) { return a + b; });
}
void subtract_f32(const BinaryF32* args) {
  binary(args, [](Float a, Float b) { return a - b; });
}
void multiply_f32(const BinaryF32* args) {
  binary(args, [](Float a, Float b) { return a * b; });
}
void divide_f32(const BinaryF32* args) {
  binary(args, [](Float a, Float b) { return a / b; });
}

}  // namespace
}  // namespace pyseq
