// The machine's limits in the instructions of one tier.
#include "kernels/tier.h"
#include "kernels/limits/loops.h"

PYSEQ_DEFINE_KERNELS(LimitsKernels, limits, PYSEQ_LIMITS_KERNELS)
