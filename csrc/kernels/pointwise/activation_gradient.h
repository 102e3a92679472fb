// dx = dy f'(x) of the activation functions.
#pragma once

#include "kernels/pointwise/args.h"
#include "kernels/vector/elementwise.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

/// d(x σ(x)) = σ(x) (1 + x (1 - σ(x)))
inline Float silu_slope(Float x) {
  const Float s = sigmoid(x);
  return s * fma(x, 1.0F - s, broadcast(1.0F));
}
/// d(x Φ(x)) = Φ(x) + x φ(x), with the distribution Φ and the density φ of the normal distribution
inline Float gelu_slope(Float x) {
  const Float distribution = fma(erf(x * 0.707106781F), broadcast(0.5F), broadcast(0.5F));
  return fma(x * 0.398942280F, exp(x * x * -0.5F), distribution);
}
/// d(x/2 (1 + tanh u)) = (1 + tanh u)/2 + x/2 (1 - tanh² u) u', u = √(2/π) (x + 0.044715 x³)
inline Float gelu_tanh_slope(Float x) {
  const Float square = x * x;
  const Float u = x * 0.797884561F * fma(square, broadcast(0.044715F), broadcast(1.0F));
  const Float du = fma(square, broadcast(0.107032225F), broadcast(0.797884561F));
  const Float t = tanh(u);
  return fma(x * 0.5F * (1.0F - t * t), du, fma(t, broadcast(0.5F), broadcast(0.5F)));
}

/// dx = slope(value) * dy
template <typename Slope>
inline void multiply_by_slope(const ActivationGradientF32& args, Slope slope) {
  for_row(args.n, [&](std::int64_t i, std::int64_t count) {
    store(args.dx + i, slope(load(args.values + i, count)) * load(args.dy + i, count), count);
  });
}

inline Float one_where_positive(Float x) {
  return select(x > 0.0F, broadcast(1.0F), Float{});
}

inline void gradient_from_output(const ActivationGradientF32& args) {
  if (args.activation == Activation::tanh) {
    return multiply_by_slope(args, [](Float y) { return 1.0F - y * y; });
  }
  if (args.activation == Activation::sigmoid) {
    return multiply_by_slope(args, [](Float y) { return y * (1.0F - y); });
  }
  multiply_by_slope(args, one_where_positive);
}

void activation_gradient_f32(const ActivationGradientF32* pointer) {
  const ActivationGradientF32& args = *pointer;
  if (args.from_output) return gradient_from_output(args);
  switch (args.activation) {
    case Activation::none:
      return multiply_by_slope(args, [](Float) { return broadcast(1.0F); });
    case Activation::relu:
      return multiply_by_slope(args, one_where_positive);
    case Activation::gelu:
      return multiply_by_slope(args, gelu_slope);
    case Activation::gelu_tanh:
      return multiply_by_slope(args, gelu_tanh_slope);
    case Activation::silu:
      return multiply_by_slope(args, silu_slope);
    case Activation::tanh:
      return multiply_by_slope(args, [](Float x) {
        const Float t = tanh(x);
        return 1.0F - t * t;
      });
    case Activation::sigmoid:
      return multiply_by_slope(args, [](Float x) {
        const Float s = sigmoid(x);
        return s * (1.0F - s);
      });
  }
}

}  // namespace
}  // namespace pyseq
