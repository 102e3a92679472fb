// CTC kernels of one tier.
#include "kernels/tier.h"
#include "kernels/ctc/alignment.h"
#include "kernels/ctc/best.h"
#include "kernels/ctc/frames.h"

PYSEQ_DEFINE_KERNELS(CtcKernels, ctc, PYSEQ_CTC_KERNELS)
