// What a Program holds.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "graph/compile.h"
#include "io/program_spec.h"
#include "pyseq/program.h"

namespace pyseq {

struct Program::Impl {
  Impl(ProgramSpec program_spec, const LoadOptions& options);
  static std::shared_ptr<const Program> make(ProgramSpec spec, const LoadOptions& options = {});

  /// Weights of a mapped file that were packed anew take memory once: the pages of the originals are given back.
  void drop_replaced_weights(std::span<const std::byte> mapped) const;
  /// Made when somebody asks: planning every function for made-up sizes takes longer than loading.
  const std::vector<FunctionInfo>& functions() const;

  ProgramSpec spec;                 // after the passes; its first weights are views into the file
  std::vector<TensorInfo> tensors;  // of the file
  CompiledProgram compiled;

 private:
  mutable std::once_flag described_;
  mutable std::vector<FunctionInfo> functions_;
};

}  // namespace pyseq
