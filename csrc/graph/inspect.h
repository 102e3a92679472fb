// What a program tells about itself: its functions, their arguments and nodes.
#pragma once

#include "graph/compile.h"
#include "io/program_spec.h"

namespace pyseq {

/// All but the types of outputs (output_types.h).
FunctionInfo describe_function(const ProgramSpec& spec, const FunctionSpec& function);

}  // namespace pyseq
