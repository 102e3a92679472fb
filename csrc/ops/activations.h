// Activation functions by the names that attributes use.
#pragma once

#include <string_view>

#include "kernels/table.h"

namespace pyseq {

/// "none", "relu", "gelu", "gelu_tanh", "tanh", "sigmoid", "silu" -> the kernel's number. ValueError: another name.
Activation parse_activation(std::string_view label, std::string_view attribute, std::string_view name);
/// The nonlinearity of a plain recurrent network: "tanh" or "relu".
Activation parse_nonlinearity(std::string_view label, std::string_view name);

}  // namespace pyseq
