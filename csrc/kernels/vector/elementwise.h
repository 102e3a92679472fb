// Element-wise functions of vectors and rows, shared by every family that fuses them: the same code, so the same
// roundings.
#pragma once

#include "kernels/activation.h"
#include "kernels/vector/math.h"

namespace pyseq {
namespace {

// max returns its second operand when one is NaN, so that NaN passes.
inline Float relu(Float x) {
  return max(Float{}, x);
}
/// x Φ(x) = x/2 (1 + erf(x / sqrt 2))
inline Float gelu(Float x) {
  return (0.5F * x) * (1.0F + erf(x * 0.707106781F));
}
/// x/2 (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))
inline Float gelu_tanh(Float x) {
  const Float cubic = fma(0.044715F * x * x, x, x);
  return (0.5F * x) * (1.0F + tanh(0.797884561F * cubic));
}

/// x σ(x)
inline Float silu(Float x) {
  return x * sigmoid(x);
}

/// y[i] = function(x[i]); x may equal y.
template <typename Function>
inline void map(std::int64_t n, const float* x, float* y, Function function) {
  for (std::int64_t i = 0; i < n; i += kLanes) store(y + i, function(load(x + i, n - i)), n - i);
}

inline void activate(Activation activation, std::int64_t n, const float* x, float* y) {
  switch (activation) {
    case Activation::none:
      if (x != y) map(n, x, y, [](Float v) { return v; });
      return;
    case Activation::relu:
      return map(n, x, y, [](Float v) { return relu(v); });
    case Activation::gelu:
      return map(n, x, y, [](Float v) { return gelu(v); });
    case Activation::gelu_tanh:
      return map(n, x, y, [](Float v) { return gelu_tanh(v); });
    case Activation::tanh:
      return map(n, x, y, [](Float v) { return tanh(v); });
    case Activation::sigmoid:
      return map(n, x, y, [](Float v) { return sigmoid(v); });
    case Activation::silu:
      return map(n, x, y, [](Float v) { return silu(v); });
  }
}

/// y = a + b over n values; y may equal a or b.
inline void add(std::int64_t n, const float* a, const float* b, float* y) {
  for (std::int64_t i = 0; i < n; i += kLanes) store(y + i, load(a + i, n - i) + load(b + i, n - i), n - i);
}

}  // namespace
}  // namespace pyseq
