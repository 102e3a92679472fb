// Rowwise kernels of one tier.
#include "kernels/tier.h"
#include "kernels/rowwise/binary_cross_entropy.h"
#include "kernels/rowwise/columns.h"
#include "kernels/rowwise/cross_entropy.h"
#include "kernels/rowwise/normalization.h"
#include "kernels/rowwise/normalization_gradient.h"
#include "kernels/rowwise/reduce.h"
#include "kernels/rowwise/reduce_gradient.h"
#include "kernels/rowwise/softmax.h"
#include "kernels/rowwise/softmax_gradient.h"
#include "kernels/rowwise/top_k.h"

PYSEQ_DEFINE_KERNELS(RowwiseKernels, rowwise, PYSEQ_ROWWISE_KERNELS)
