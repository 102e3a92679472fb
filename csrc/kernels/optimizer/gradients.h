// What is done to whole gradients, and the moving average of parameters.
#pragma once

#include "kernels/optimizer/args.h"
#include "kernels/vector/elementwise.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

void sum_of_squares_f32(const SquaresF32* args) {
  const float* x = args->x;
  *args->sum = sum_over_row(args->n, [=](std::int64_t i, std::int64_t count) {
    const Float v = load(x + i, count);
    return v * v;
  });
}

void scale_f32(const ScaleF32* args) {
  const float factor = args->factor;
  map(args->n, args->x, args->x, [=](Float v) { return v * factor; });
}

void clamp_f32(const ClampF32* args) {
  const Float upper = broadcast(args->bound), lower = -upper;
  // min and max give their second operand when one is NaN.
  map(args->n, args->x, args->x, [=](Float v) { return min(upper, max(lower, v)); });
}

void move_average_f32(const AverageF32* args) {
  const Float rate = broadcast(args->rate);
  for_row(args->n, [&](std::int64_t i, std::int64_t count) {
    const Float average = load(args->average + i, count);
    store(args->average + i, fma(rate, load(args->value + i, count) - average, average), count);
  });
}

}  // namespace
}  // namespace pyseq
