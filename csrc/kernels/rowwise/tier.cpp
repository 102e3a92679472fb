// Rowwise kernels of one tier.
#include "kernels/tier.h"
#include "kernels/rowwise/normalization.h"
#include "kernels/rowwise/softmax.h"

PYSEQ_DEFINE_KERNELS(RowwiseKernels, rowwise, PYSEQ_ROWWISE_KERNELS)
