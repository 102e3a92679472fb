// What a Program holds.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "graph/compile.h"
#include "io/files.h"
#include "io/program_spec.h"
#include "pyseq/program.h"

namespace pyseq {

struct Program::Impl {
  Impl(FileBytes file, bool mapped, const LoadOptions& options);
  static std::shared_ptr<const Program> make(FileBytes file, bool mapped, const LoadOptions& options);

  /// Made when somebody asks: planning every function for made-up sizes takes longer than loading.
  const std::vector<FunctionInfo>& functions() const;

  FileBytes content;
  bool is_mapped;                   // what is not needed in memory is in the file
  ProgramSpec spec;                 // after the passes; its first weights are views into the file
  std::vector<TensorInfo> tensors;  // of the file
  CompiledProgram compiled;

 private:
  /// Weights of a mapped file that were packed anew take memory once: the pages of the originals are given back.
  void drop_replaced_weights() const;

  mutable std::once_flag described_;
  mutable std::vector<FunctionInfo> functions_;
};

}  // namespace pyseq
