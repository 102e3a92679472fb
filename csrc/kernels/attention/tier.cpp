// Attention kernels of one tier.
#include "kernels/tier.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/gradient.h"

PYSEQ_DEFINE_KERNELS(AttentionKernels, attention, PYSEQ_ATTENTION_KERNELS)
