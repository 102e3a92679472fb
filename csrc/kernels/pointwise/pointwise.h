// Element-wise kernels.
#pragma once

#include "kernels/pointwise/args.h"
#include "kernels/vector/elementwise.h"

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

void add_f32(const BinaryF32* args) {
  for (std::int64_t i = 0; i < args->n; i += args->period) {
    const std::int64_t count = args->n - i < args->period ? args->n - i : args->period;
    add(count, args->a + i, args->b, args->y + i);
  }
}

}  // namespace
}  // namespace pyseq
