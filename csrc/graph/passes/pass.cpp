#include "graph/passes/pass.h"

#include <array>

namespace pyseq {
namespace {

// Constants of loops come first: the weights that bodies read then look like those of any other function. Dead nodes
// come before the fusions, which want values that are read once. Padding is removed from what is left.
constexpr std::array<Pass, 9> kPasses{{
    {"bind_loop_constants", true, bind_loop_constants},
    {"fold_constants", true, fold_constants},
    {"share_equal_nodes", true, share_equal_nodes},
    {"remove_dead_nodes", true, remove_dead_nodes},
    {"fuse_activations", true, fuse_activations},
    {"fuse_residuals", true, fuse_residuals},
    {"fuse_norms", true, fuse_norms},
    {"group_linears", true, group_linears},
    {"remove_padding", true, remove_padding},
}};

}  // namespace

std::span<const Pass> all_passes() {
  return kPasses;
}

void optimize(ProgramSpec& program, bool padding_removed) {
  for (const Pass& pass : kPasses) {
    if (pass.run != remove_padding || padding_removed) pass.run(program);
  }
}

}  // namespace pyseq
