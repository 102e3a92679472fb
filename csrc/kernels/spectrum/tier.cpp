// Kernels of the short-time Fourier transform of one tier.
#include "kernels/tier.h"
#include "kernels/spectrum/stft.h"

PYSEQ_DEFINE_KERNELS(SpectrumKernels, spectrum, PYSEQ_SPECTRUM_KERNELS)
