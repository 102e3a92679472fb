// Kernels of word vectors of one tier.
#include "kernels/tier.h"
#include "kernels/embeddings/glove.h"
#include "kernels/embeddings/rows.h"
#include "kernels/embeddings/window.h"

PYSEQ_DEFINE_KERNELS(EmbeddingsKernels, embeddings, PYSEQ_EMBEDDINGS_KERNELS)
