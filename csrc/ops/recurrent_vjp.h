// The vjp of recurrent ops: backpropagation through time.
#pragma once

#include <cstdint>

#include "ops/recurrent_inputs.h"

namespace pyseq {

/// Everything but biases; of the outputs y, from which the states before each step are taken, and the reserve.
VjpReads recurrent_vjp_reads(const CellOp& op, const InputPlaces& places);
/// All inputs but lengths.
std::uint32_t recurrent_differentiable(const CellOp& op, const InputPlaces& places);

void recurrent_vjp(VjpCall& call, const CellOp& op, const InputPlaces& places, const LayerOptions& options);

}  // namespace pyseq
