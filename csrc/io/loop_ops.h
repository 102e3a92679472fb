// scan and repeat: nodes that run another function of the program. Their attributes are declared like those of ops.
#pragma once

#include <cstdint>
#include <string_view>

#include "io/program_spec.h"
#include "ops/registry.h"

namespace pyseq {

/// The declaration of "scan" or "repeat"; null for other names. Has attributes only: inputs are counted by those.
const OpDef* find_loop_op(std::string_view name);

/// A count attribute (xs, states, consts, ys) of a validated scan or repeat node.
std::int64_t loop_count(const NodeSpec& node, std::string_view attribute);

/// Checks all scan and repeat nodes of a program against the functions that they run: counts of inputs and outputs, and
/// nesting without cycles. FormatError.
void check_loops(const ProgramSpec& program);

}  // namespace pyseq
