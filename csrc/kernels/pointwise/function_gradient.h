// dx = dy f'(x) of the functions of every element. At the kinks of elu and leaky_relu the slope is that below 0; clip
// has slope 1 on its bounds.
#pragma once

#include "kernels/pointwise/args.h"
#include "kernels/vector/elementwise.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

/// dx = gradient(value, dy)
template <typename Gradient>
inline void map_gradient(const FunctionGradientF32& args, Gradient gradient) {
  for_row(args.n, [&](std::int64_t i, std::int64_t count) {
    store(args.dx + i, gradient(load(args.values + i, count), load(args.dy + i, count)), count);
  });
}

void function_gradient_f32(const FunctionGradientF32* pointer) {
  const FunctionGradientF32& args = *pointer;
  const float first = args.first, second = args.second;
  switch (args.function) {
    case Function::exp:
      return map_gradient(args, [](Float y, Float dy) { return y * dy; });
    case Function::log:
      return map_gradient(args, [](Float x, Float dy) { return dy / x; });
    case Function::sqrt:
      return map_gradient(args, [](Float y, Float dy) { return 0.5F * dy / y; });
    case Function::negative:
      return map(args.n, args.dy, args.dx, [](Float dy) { return -dy; });
    case Function::softplus:
      return map_gradient(args, [](Float x, Float dy) { return sigmoid(x) * dy; });
    case Function::elu:
      return map_gradient(
          args, [first](Float x, Float dy) { return select(x > 0.0F, dy, first * exp(min(Float{}, x)) * dy); });
    case Function::leaky_relu:
      return map_gradient(args, [first](Float x, Float dy) { return select(x > 0.0F, dy, first * dy); });
    case Function::clip:
      return map_gradient(
          args, [first, second](Float x, Float dy) { return select((x >= first) & (x <= second), dy, Float{}); });
  }
}

}  // namespace
}  // namespace pyseq
