// How a family's tier.cpp makes its table: the only symbol that leaves the object file (README.md says why).
// PYSEQ_TIER is the tier that it is compiled for (csrc/cmake/PyseqTiers.cmake).
#pragma once

#define PYSEQ_JOIN_(a, b) a##b
#define PYSEQ_JOIN(a, b) PYSEQ_JOIN_(a, b)
#define PYSEQ_KERNEL_ADDRESS(name, Args) name,

#define PYSEQ_DEFINE_KERNELS(Type, family, KERNELS)                                       \
  namespace pyseq {                                                                       \
  extern const Type PYSEQ_JOIN(family##_kernels_, PYSEQ_TIER);                            \
  const Type PYSEQ_JOIN(family##_kernels_, PYSEQ_TIER) = {KERNELS(PYSEQ_KERNEL_ADDRESS)}; \
  }
