// The types of a function's outputs, for people who read a program: found by planning the function at two sets of
// sizes.
#pragma once

#include <vector>

#include "graph/compile.h"

namespace pyseq {

/// For each function its outputs. A size is a number where it never changes, the name of the input size that it equals,
/// else "?". Dims are just "..." where the sizes tried do not suit the function.
std::vector<std::vector<ArgumentInfo>> describe_outputs(const CompiledProgram& program);

}  // namespace pyseq
