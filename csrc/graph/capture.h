// Captures: which nodes of a function a caller asks for by module path.
#pragma once

#include <string>
#include <vector>

#include "graph/compile.h"

namespace pyseq {

struct Capture {
  std::string path;
  int node = -1;  // the last node of that path with something to capture
};

/// ValueError: no such node, one with nothing to capture, or one inside the body of a loop.
std::vector<Capture> find_captures(const CompiledProgram& program, const CompiledFunction& function,
                                   const std::vector<std::string>& paths);

}  // namespace pyseq
