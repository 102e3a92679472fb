// Recurrent kernels of one tier.
#include "kernels/tier.h"
#include "kernels/recurrent/cell_gradients.h"
#include "kernels/recurrent/normalize.h"
#include "kernels/recurrent/normalize_gradients.h"
#include "kernels/recurrent/step.h"

PYSEQ_DEFINE_KERNELS(RecurrentKernels, recurrent, PYSEQ_RECURRENT_KERNELS)
