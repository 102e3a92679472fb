// What a Program holds.
#pragma once

#include <memory>
#include <vector>

#include "graph/compile.h"
#include "io/program_spec.h"
#include "pyseq/program.h"

namespace pyseq {

struct Program::Impl {
  Impl(ProgramSpec program_spec, const LoadOptions& options);
  static std::shared_ptr<const Program> make(ProgramSpec spec, const LoadOptions& options = {});

  ProgramSpec spec;  // its weights are views into the file
  CompiledProgram compiled;
  std::vector<FunctionInfo> functions;
  std::vector<TensorInfo> tensors;
};

}  // namespace pyseq
