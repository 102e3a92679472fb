#include "ops/gemm.h"

namespace pyseq {

void parallel_gemm(const GemmF32& product, const RunLimits& limits) {
  parallel_multiply({.m = product.m,
                     .n = product.n,
                     .a = {product.a, product.lda},
                     .b = {.storage = DType::float32, .in = product.k, .panels = product.b},
                     .panel = product.panel,
                     .epilogue = product.epilogue,
                     .c = product.c,
                     .ldc = product.ldc},
                    limits);
}

}  // namespace pyseq
