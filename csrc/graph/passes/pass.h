// Compile passes: rewrites of a ProgramSpec before it is compiled, the same functions with fewer and larger nodes.
// Every pass leaves names of functions, their inputs, outputs and updates, and all states as they are; value numbers
// may get gaps. docs/architecture.md ("Compile passes") lists what each one does.
#pragma once

#include <span>
#include <string_view>

#include "io/program_spec.h"

namespace pyseq {

struct Pass {
  std::string_view name;
  bool keeps_bits = true;  // results are those of the program as it was, bit by bit
  void (*run)(ProgramSpec& program) = nullptr;
};

/// In the order in which they run.
std::span<const Pass> all_passes();
/// Runs all passes; remove_padding is optional.
void optimize(ProgramSpec& program, bool padding_removed = true);

// One file each.
void bind_loop_constants(ProgramSpec& program);
void fold_constants(ProgramSpec& program);
void share_equal_nodes(ProgramSpec& program);
void fuse_activations(ProgramSpec& program);
void fuse_residuals(ProgramSpec& program);
void fuse_norms(ProgramSpec& program);
void group_linears(ProgramSpec& program);
void remove_dead_nodes(ProgramSpec& program);
void remove_padding(ProgramSpec& program);

}  // namespace pyseq
