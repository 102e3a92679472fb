// Rounding and flush-to-zero settings of a thread. They belong to the processor, so a library that changes them on one
// thread (fast-math libraries do, when loaded) would make results depend on which thread computed what.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace pyseq {

/// Settings only: the exception flags, which every operation may raise, are left out.
inline std::uint64_t float_mode() {
#if defined(__x86_64__)
  constexpr unsigned kFlags = 0x3f;
  return _mm_getcsr() & ~kFlags;
#elif defined(__aarch64__)
  std::uint64_t mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#endif
}

inline void set_float_mode(std::uint64_t mode) {
#if defined(__x86_64__)
  _mm_setcsr(static_cast<unsigned>(mode));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" : : "r"(mode));
#endif
}

}  // namespace pyseq
