// One function of a program: inputs, nodes, outputs, updates of state.
#pragma once

#include "io/json_reader.h"
#include "io/symbols.h"

namespace pyseq {

/// FormatError names function, node and problem.
FunctionSpec read_function(const Json& value, const Symbols& symbols);

}  // namespace pyseq
