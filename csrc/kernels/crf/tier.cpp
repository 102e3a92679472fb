// CRF kernels of one tier.
#include "kernels/tier.h"
#include "kernels/crf/sums.h"
#include "kernels/crf/viterbi.h"

PYSEQ_DEFINE_KERNELS(CrfKernels, crf, PYSEQ_CRF_KERNELS)
