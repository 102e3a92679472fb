// Products with a packed weight on all threads.
#pragma once

#include "kernels/table.h"
#include "ops/product.h"
#include "pyseq/runtime.h"

namespace pyseq {

/// gemm_f32, cut into blocks of rows and groups of panels. The limits are looked at between blocks.
void parallel_gemm(const GemmF32& product, const RunLimits& limits);

}  // namespace pyseq
