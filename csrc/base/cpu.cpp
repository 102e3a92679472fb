#include "base/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace pyseq {

#if defined(__x86_64__)
namespace {

/// Instructions of x86-64-v3 that not every compiler's __builtin_cpu_supports knows by name.
bool has_f16c_movbe_lzcnt() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & bit_F16C) == 0 || (ecx & bit_MOVBE) == 0) return false;
  return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_LZCNT) != 0;
}

// The compiler's checks include the operating system's: the wide registers must be saved on a context switch.
bool supports_v2() {
  return __builtin_cpu_supports("sse3") && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
         __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
}
bool supports_v3() {
  return supports_v2() && __builtin_cpu_supports("avx") && __builtin_cpu_supports("avx2") &&
         __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         has_f16c_movbe_lzcnt();
}
bool supports_v4() {
  return supports_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool supports_v4_vnni() {
  return supports_v4() && __builtin_cpu_supports("avx512vnni");
}
bool supports_v4_bf16() {
  return supports_v4_vnni() && __builtin_cpu_supports("avx512bf16");
}

}  // namespace

bool cpu_supports(std::string_view tier) {
  __builtin_cpu_init();
  if (tier == "v2") return supports_v2();
  if (tier == "v3") return supports_v3();
  if (tier == "v4") return supports_v4();
  if (tier == "v4_vnni") return supports_v4_vnni();
  if (tier == "v4_bf16") return supports_v4_bf16();
  return false;
}

#elif defined(__aarch64__)

bool cpu_supports(std::string_view tier) {
  return tier == "neon";
}  // part of every AArch64 processor

#else

bool cpu_supports(std::string_view) {
  return false;
}

#endif

}  // namespace pyseq
