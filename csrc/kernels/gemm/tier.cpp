// Gemm kernels of one tier.
#include "kernels/tier.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/pack.h"
#include "kernels/gemm/rows.h"

PYSEQ_DEFINE_KERNELS(GemmKernels, gemm, PYSEQ_GEMM_KERNELS)
