// The output `reserve` of recurrent ops: what the forward keeps for the vjp, as one array.
#pragma once

#include <cstdint>

#include "ops/recurrent_inputs.h"

namespace pyseq {

/// The arrays of one direction follow each other, each with a row per slot: a step of a row that has not ended. What
/// the slots of a ragged batch do not need stays behind at the end.
class ReserveLayout {
 public:
  ReserveLayout(const CellKind& kind, const LayerOptions& options, std::int64_t hidden, bool has_norms);

  /// Values per slot of one direction.
  std::int64_t values() const { return columns_ + state_ + 2 * products_; }
  /// The arrays of a direction in a reserve of so many slots.
  template <typename T>
  ReserveOf<T> arrays(T* reserve, std::int64_t slots, int direction) const {
    T* gates = reserve + direction * slots * values();
    T* state = gates + slots * columns_;
    T* products = state + slots * state_;
    return {.gates = gates,
            .state = state_ > 0 ? state : nullptr,
            .x_products = products_ > 0 ? products : nullptr,
            .h_products = products_ > 0 ? products + slots * products_ : nullptr};
  }

 private:
  std::int64_t columns_, state_, products_;  // values per slot of Reserve's arrays
};

ReserveLayout reserve_layout(const OpArgs& args, const CellOp& op, const InputPlaces& places,
                             const LayerOptions& options);

}  // namespace pyseq
