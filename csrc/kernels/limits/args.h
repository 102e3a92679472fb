// Loops that measure the machine itself.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

/// Independent chains of one instruction on registers alone.
struct PeakLoop {
  std::int64_t steps;
  std::int64_t* operations;  // receives how many were done, multiply and add counted as two
  float* sink;               // receives something that depends on all of them
};

/// Reads `values` floats, `passes` times over.
struct ReadLoop {
  std::int64_t values, passes;
  const float* data;
  float* sink;
};

#define PYSEQ_LIMITS_KERNELS(X) \
  X(peak_f32, PeakLoop)         \
  X(peak_bf16, PeakLoop)        \
  X(peak_int8, PeakLoop)        \
  X(read_f32, ReadLoop)

struct LimitsKernels {
  PYSEQ_LIMITS_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
