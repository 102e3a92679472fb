// Activations that several families of kernels know.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

enum class Activation : std::int32_t { none, relu, gelu, gelu_tanh, tanh, sigmoid, silu };

}  // namespace pyseq
