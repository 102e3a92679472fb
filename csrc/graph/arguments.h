// The inputs of a function: found by name and checked against what the function declares.
#pragma once

#include <span>
#include <vector>

#include "graph/compile.h"

namespace pyseq {

/// The inputs in the function's order. ValueError lists the missing and the unexpected ones together.
std::vector<Tensor> collect_arguments(const CompiledFunction& function, const NamedTensors& given);

/// Element types, ranks, numbers in dims, equal sizes for equal names: DTypeError, ShapeError.
void check_arguments(const CompiledFunction& function, std::span<const Tensor> arguments);

/// The size of the dim called `name`, or -1 where no argument has it.
std::int64_t size_of_dim(const CompiledFunction& function, std::span<const Tensor> arguments, std::string_view name);

}  // namespace pyseq
