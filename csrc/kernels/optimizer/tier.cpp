// Optimizer kernels of one tier.
#include "kernels/tier.h"
#include "kernels/optimizer/gradients.h"
#include "kernels/optimizer/updates.h"

PYSEQ_DEFINE_KERNELS(OptimizerKernels, optimizer, PYSEQ_OPTIMIZER_KERNELS)
