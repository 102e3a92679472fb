// Convolution and pooling kernels of one tier.
#include "kernels/tier.h"
#include "kernels/conv/depthwise.h"
#include "kernels/conv/gradient.h"
#include "kernels/conv/pooling.h"

PYSEQ_DEFINE_KERNELS(ConvKernels, conv, PYSEQ_CONV_KERNELS)
