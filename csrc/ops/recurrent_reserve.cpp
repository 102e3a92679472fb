#include "ops/recurrent_reserve.h"

#include "ops/recurrent_weights.h"

namespace pyseq {

ReserveLayout::ReserveLayout(const CellKind& kind, const LayerOptions& options, std::int64_t hidden, bool has_norms)
    : columns_(GateLayout{hidden, kind.gates}.columns()), state_(0), products_(has_norms ? columns_ : 0) {
  const bool has_candidate = kind.cell == RecurrentCell::gru && !options.reset_before;
  if (kind.has_cell_state || has_candidate) state_ = hidden;
}

ReserveLayout reserve_layout(const OpArgs& args, const CellOp& op, const InputPlaces& places,
                             const LayerOptions& options) {
  const bool has_norms = direction_weights(args, op, places, 0).norm_ih.defined();
  return {op.kind, options, cell_sizes(args, op, places).hidden, has_norms};
}

}  // namespace pyseq
