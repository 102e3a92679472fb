// Kernels of additive attention of one tier.
#include "kernels/tier.h"
#include "kernels/additive/additive.h"

PYSEQ_DEFINE_KERNELS(AdditiveKernels, additive, PYSEQ_ADDITIVE_KERNELS)
