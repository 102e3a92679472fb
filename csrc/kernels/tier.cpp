// One instruction-set tier: compiled once per tier with its flags (csrc/cmake/PyseqTiers.cmake). The table at the end
// is the only symbol that leaves the object file; README.md says why.
#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/normalization.h"
#include "kernels/pointwise.h"
#include "kernels/recurrent.h"
#include "kernels/softmax.h"
#include "kernels/table.h"

#define PYSEQ_JOIN_(a, b) a##b
#define PYSEQ_JOIN(a, b) PYSEQ_JOIN_(a, b)
#define PYSEQ_TEXT_(a) #a
#define PYSEQ_TEXT(a) PYSEQ_TEXT_(a)

namespace pyseq {

extern const KernelTable PYSEQ_JOIN(kernels_, PYSEQ_TIER);
const KernelTable PYSEQ_JOIN(kernels_, PYSEQ_TIER) = {PYSEQ_TEXT(PYSEQ_TIER),
#define PYSEQ_KERNEL_ADDRESS(name, Args) name,
                                                      PYSEQ_KERNELS(PYSEQ_KERNEL_ADDRESS)
#undef PYSEQ_KERNEL_ADDRESS
};

}  // namespace pyseq
