// The inputs of recurrent ops: where they stand in the registry, and their checks.
#pragma once

#include "ops/recurrent_layer.h"
#include "ops/registry.h"

namespace pyseq {

/// The variants of a cell that optional inputs choose.
enum class CellVariants { none, norms, lstm };

/// A family of cells as ops: over a sequence and one step at a time.
struct CellOp {
  const CellKind& kind;
  CellVariants variants;
};

/// First places of groups of inputs; a group of the reverse direction follows that of the forward one.
struct InputPlaces {
  int x = 0, weights[2] = {}, h = 0, c = 0, lengths = -1, variants[2] = {};  // c: lstm only; lengths: over a sequence
  int directions = 1;                                                        // that the op can have
};
InputPlaces sequence_places(const CellOp& op);
InputPlaces step_places(const CellOp& op);
/// The inputs at these places, as the registry lists them.
std::vector<InputDef> input_defs(const CellOp& op, const InputPlaces& places);

/// Those of b_ih and b_hh.
std::pair<int, int> bias_places(const InputPlaces& places, int direction);
bool is_bidirectional(const OpArgs& args, const InputPlaces& places);
DirectionWeights direction_weights(const OpArgs& args, const CellOp& op, const InputPlaces& places, int direction);

/// Sizes of a layer in one direction.
struct CellSizes {
  std::int64_t in, hidden, width;  // width: of h, which a projection makes smaller
};
CellSizes cell_sizes(const OpArgs& args, const CellOp& op, const InputPlaces& places);
/// Steps of rows that have not ended, in one direction: what `lengths` (checked) adds up to.
std::int64_t count_slots(const OpArgs& args, const InputPlaces& places);
/// What one direction reads; `y`, `h` and `c` are left to the caller. A single step is a sequence of length one.
SequenceView input_view(const OpArgs& args, const CellOp& op, const InputPlaces& places, int direction);
/// All weights of all directions. `x` has its rank already.
CellSizes check_cell_weights(const OpArgs& args, const CellOp& op, const InputPlaces& places);

}  // namespace pyseq
