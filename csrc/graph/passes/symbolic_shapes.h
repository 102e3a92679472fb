// Shapes of values as symbols: two values with equal symbols have equal shapes in every run.
#pragma once

#include <vector>

#include "io/program_spec.h"

namespace pyseq {

/// A shape as the symbol of all its sizes but the last, and the symbol of the last size.
struct SymbolicShape {
  int leading = -1, last = -1;
  bool operator==(const SymbolicShape&) const = default;
};

/// The shape of every value of a function. Where nothing is known, the symbols are the value's own.
std::vector<SymbolicShape> symbolic_shapes(const ProgramSpec& program, const FunctionSpec& function);

}  // namespace pyseq
