// The interface between ops and kernels: plain structs of pointers and sizes (args.h of each family), and one table of
// function pointers per instruction-set tier. Kernels run on the calling thread; ops cut the work (see
// kernels/README.md for the rules).
#pragma once

#include "kernels/additive/args.h"
#include "kernels/attention/args.h"
#include "kernels/conv/args.h"
#include "kernels/crf/args.h"
#include "kernels/ctc/args.h"
#include "kernels/embeddings/args.h"
#include "kernels/gemm/args.h"
#include "kernels/limits/args.h"
#include "kernels/optimizer/args.h"
#include "kernels/pointwise/args.h"
#include "kernels/recurrent/args.h"
#include "kernels/rowwise/args.h"
#include "kernels/spectrum/args.h"

namespace pyseq {

struct KernelTable : AdditiveKernels,
                     AttentionKernels,
                     ConvKernels,
                     CrfKernels,
                     CtcKernels,
                     EmbeddingsKernels,
                     GemmKernels,
                     LimitsKernels,
                     OptimizerKernels,
                     PointwiseKernels,
                     RecurrentKernels,
                     RowwiseKernels,
                     SpectrumKernels {
  const char* isa;
};

}  // namespace pyseq
