// What this machine can do at most, measured with the instructions of the tier in use (kernels/limits).
#pragma once

#include <cstddef>

#include "pyseq/tensor.h"

namespace pyseq {

/// Operations per second (multiply and add counted as two) on values that stay in registers: fused multiply-adds of
/// float32, dot products of bfloat16 or int8. The best of several samples that take about `seconds` together, on
/// num_threads() threads at once. ValueError: another type.
double measure_peak(DType dtype, double seconds);

/// Bytes per second that num_threads() threads read together, over and over, when each has `bytes_per_thread` of its
/// own. ValueError: less than 4 KiB or more than 4 GiB.
double measure_read_bandwidth(std::size_t bytes_per_thread, double seconds);

}  // namespace pyseq
