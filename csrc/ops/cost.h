// What ops cost: bytes that must be moved at least. Used by the profiler and the benchmarks.
#pragma once

#include "ops/registry.h"

namespace pyseq {

/// Bytes of a tensor of this type.
double bytes_of(const TensorType& type);
/// Bytes of every input that is there and of the first output: an op that touches everything once.
double bytes_moved(const OpArgs& args, std::span<const TensorType> outputs);
/// An op that does `flops_per_element` for every element of its output.
OpCost elementwise_cost(const OpArgs& args, std::span<const TensorType> outputs, double flops_per_element);

}  // namespace pyseq
