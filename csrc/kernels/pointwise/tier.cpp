// Pointwise kernels of one tier.
#include "kernels/tier.h"
#include "kernels/pointwise/activation_gradient.h"
#include "kernels/pointwise/dropout.h"
#include "kernels/pointwise/function_gradient.h"
#include "kernels/pointwise/pointwise.h"

PYSEQ_DEFINE_KERNELS(PointwiseKernels, pointwise, PYSEQ_POINTWISE_KERNELS)
