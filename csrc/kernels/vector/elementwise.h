// Element-wise functions of vectors and rows, shared by every family that fuses them: the same code, so the same
// roundings.
#pragma once

#include "kernels/activation.h"
#include "kernels/vector/gelu.h"
#include "kernels/vector/math.h"

namespace pyseq {
namespace {

// max returns its second operand when one is NaN, so that NaN passes.
inline Float relu(Float x) {
  return max(Float{}, x);
}
/// x σ(x)
inline Float silu(Float x) {
  return x * sigmoid(x);
}

/// x above 0, alpha (e^x - 1) below.
inline Float elu(Float x, float alpha) {
  return select(x > 0.0F, x, alpha * exp_m1(min(Float{}, x)));
}

/// y[i] = function(x[i]); x may equal y. Two vectors at a time: one alone waits for its own results.
template <typename Function>
inline void map(std::int64_t n, const float* x, float* y, Function function) {
  std::int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const Float first = function(load(x + i)), second = function(load(x + i + kLanes));
    store(y + i, first);
    store(y + i + kLanes, second);
  }
  for (; i < n; i += kLanes) store(y + i, function(load(x + i, n - i)), n - i);
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
