// What a Program holds.
#pragma once

#include <memory>
#include <vector>

#include "graph/compile.h"
#include "io/program_spec.h"
#include "pyseq/program.h"

namespace pyseq {

struct Program::Impl {
  explicit Impl(ProgramSpec program_spec);
  static std::shared_ptr<const Program> make(ProgramSpec spec);

  ProgramSpec spec;  // its weights are views into the file
  CompiledProgram compiled;
  std::vector<FunctionInfo> functions;
  std::vector<TensorInfo> tensors;
};

}  // namespace pyseq
