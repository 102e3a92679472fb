// One node of a function: an op of the registry, or a scan or repeat.
#pragma once

#include <string_view>

#include "io/json_reader.h"
#include "io/references.h"

namespace pyseq {

/// FormatError names function, node and problem. Defines the node's outputs in `references`.
NodeSpec read_node(const Json& value, std::string_view function_name, const Symbols& symbols,
                   ReferenceReader& references);

}  // namespace pyseq
