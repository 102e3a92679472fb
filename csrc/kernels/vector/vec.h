// One vector of float32 or int32 as wide as the tier allows, and the few operations on it that need intrinsics.
// Everything else is plain arithmetic on GCC/Clang vector extensions.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace pyseq {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else  // v2, neon
constexpr int kLanes = 4;
#endif

template <typename T, int N>
struct VecOf {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
  // The same vector at an address that is aligned to T alone.
  typedef T unaligned __attribute__((vector_size(N * sizeof(T)), aligned(sizeof(T)), may_alias));
};
template <typename T, int N>
using Vec = typename VecOf<T, N>::type;

using Float = Vec<float, kLanes>;
using Int = Vec<std::int32_t, kLanes>;  // also the result of comparisons: -1 where true, 0 where false

// `value - 0` folds into one broadcast load; `value + 0` would have to turn -0 into +0.
inline Float broadcast(float value) {
  return value - Float{};
}
inline Int broadcast(std::int32_t value) {
  return value - Int{};
}

inline Int bits(Float v) {
  return (Int)v;
}
inline Float from_bits(Int v) {
  return (Float)v;
}
inline Float to_float(Int v) {
  return __builtin_convertvector(v, Float);
}

inline Float select(Int mask, Float if_true, Float if_false) {
  return mask ? if_true : if_false;
}

// 0, 1, ..., kLanes - 1 as template arguments of a shuffle.
template <int... Lane>
struct LaneList {};
template <int Count, int... Lane>
struct FirstLanes : FirstLanes<Count - 1, Count - 1, Lane...> {};
template <int... Lane>
struct FirstLanes<0, Lane...> {
  using List = LaneList<Lane...>;
};
using AllLanes = FirstLanes<kLanes>::List;

inline Int lane_numbers() {
  Int numbers{};
#pragma GCC unroll 16
  for (int lane = 0; lane < kLanes; ++lane) numbers[lane] = lane;
  return numbers;
}
/// True in lanes 0 .. count - 1.
inline Int first_lanes(std::int64_t count) {
  const std::int32_t bounded = count < kLanes ? static_cast<std::int32_t>(count) : kLanes;
  return lane_numbers() < broadcast(bounded);
}

// Named intrinsics. fma(a, b, c) = a * b + c, with one rounding except on v2, which has no such instruction.
// min and max return b when either operand is NaN.
#if defined(__AVX512F__)
inline Float fma(Float a, Float b, Float c) {
  return (Float)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
// With a full mask, since GCC 12 warns of an uninitialised value inside the unmasked form; the instruction is the same.
inline Float min(Float a, Float b) {
  return (Float)_mm512_maskz_min_ps(0xFFFF, (__m512)a, (__m512)b);
}
inline Float max(Float a, Float b) {
  return (Float)_mm512_maskz_max_ps(0xFFFF, (__m512)a, (__m512)b);
}
inline Float sqrt(Float v) {
  return (Float)_mm512_maskz_sqrt_ps(0xFFFF, (__m512)v);
}
inline __mmask16 mask_bits(std::int64_t count) {
  return static_cast<__mmask16>(_bzhi_u32(0xFFFF, static_cast<unsigned>(count)));
}
inline Float load_masked(const float* p, std::int64_t count) {
  return (Float)_mm512_maskz_loadu_ps(mask_bits(count), p);
}
inline void store_masked(float* p, Float v, std::int64_t count) {
  _mm512_mask_storeu_ps(p, mask_bits(count), (__m512)v);
}
#elif defined(__AVX2__)
inline Float fma(Float a, Float b, Float c) {
  return (Float)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
inline Float min(Float a, Float b) {
  return (Float)_mm256_min_ps((__m256)a, (__m256)b);
}
inline Float max(Float a, Float b) {
  return (Float)_mm256_max_ps((__m256)a, (__m256)b);
}
inline Float sqrt(Float v) {
  return (Float)_mm256_sqrt_ps((__m256)v);
}
inline Float load_masked(const float* p, std::int64_t count) {
  return (Float)_mm256_maskload_ps(p, (__m256i)first_lanes(count));
}
inline void store_masked(float* p, Float v, std::int64_t count) {
  _mm256_maskstore_ps(p, (__m256i)first_lanes(count), (__m256)v);
}
#else
#if defined(__SSE4_2__)
inline Float fma(Float a, Float b, Float c) {
  return a * b + c;
}
inline Float min(Float a, Float b) {
  return (Float)_mm_min_ps((__m128)a, (__m128)b);
}
inline Float max(Float a, Float b) {
  return (Float)_mm_max_ps((__m128)a, (__m128)b);
}
inline Float sqrt(Float v) {
  return (Float)_mm_sqrt_ps((__m128)v);
}
#elif defined(__aarch64__)
inline Float sqrt(Float v) {
  return (Float)vsqrtq_f32((float32x4_t)v);
}
inline Float fma(Float a, Float b, Float c) {
  return (Float)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
inline Float min(Float a, Float b) {
  return a < b ? a : b;
}
inline Float max(Float a, Float b) {
  return a > b ? a : b;
}
#else
#error "vec.h: unknown tier"
#endif
// No masked memory access in these tiers: lane by lane.
inline Float load_masked(const float* p, std::int64_t count) {
  Float v{};
#pragma GCC unroll 4
  for (int lane = 0; lane < kLanes; ++lane) {
    if (lane < count) v[lane] = p[lane];
  }
  return v;
}
inline void store_masked(float* p, Float v, std::int64_t count) {
#pragma GCC unroll 4
  for (int lane = 0; lane < kLanes; ++lane) {
    if (lane < count) p[lane] = v[lane];
  }
}
#endif

/// 64-bit lanes, half as many. Lane i of two of them, side by side, stand for the lanes 2 i and 2 i + 1 of an Int.
using Wide = Vec<std::uint64_t, kLanes / 2>;

inline Wide broadcast(std::uint64_t value) {
  return value - Wide{};
}
/// a * b of the lower halves of the lanes; the upper ones are ignored.
inline Wide multiply_lower(Wide a, Wide b) {
#if defined(__AVX512F__)
  return (Wide)_mm512_maskz_mul_epu32(0xFF, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Wide)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE4_2__)
  return (Wide)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (Wide)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#endif
}
/// The lower halves of the lanes, interleaved: even[0], odd[0], even[1], ...
inline Int interleave_lower(Wide even, Wide odd) {
  return (Int)((even & broadcast(std::uint64_t{0xFFFFFFFF})) | (odd << 32));
}

// Dot products of narrow values. A lane of `a` and `b` holds 32 bits of consecutive values of a row and of a column:
// two of bfloat16, or four of int8.

/// sum + a.lo * b.lo + a.hi * b.hi. In the tiers without an instruction for it, two fma in that order.
inline Float dot_bfloat16(Float sum, Int a, Int b) {
#if defined(__AVX512BF16__)
  return (Float)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#else
  const Int upper = broadcast(std::int32_t{-65536});
  sum = fma(from_bits(a << 16), from_bits(b << 16), sum);
  return fma(from_bits(a & upper), from_bits(b & upper), sum);
#endif
}

#if defined(__AVX512VNNI__)
/// What int8 values of rows are stored with added to them: VNNI multiplies unsigned by signed values.
constexpr int kInt8Offset = 128;
#else
constexpr int kInt8Offset = 0;
#endif

#if !defined(__AVX512VNNI__)
/// Pairs of 16-bit values: a.lo * b.lo + a.hi * b.hi.
inline Int multiply_pairs(Int a, Int b) {
#if defined(__AVX512F__)
  return (Int)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Int)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE4_2__)
  return (Int)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
  return ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}
#endif

/// sum + the four products of the bytes as stored (those of `a` unsigned with VNNI, else signed); exact.
inline Int dot_int8(Int sum, Int a, Int b) {
#if defined(__AVX512VNNI__)
  return (Int)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#else
  using Short = Vec<std::int16_t, 2 * kLanes>;
  const Int even = multiply_pairs((Int)(((Short)a << 8) >> 8), (Int)(((Short)b << 8) >> 8));
  return sum + even + multiply_pairs((Int)((Short)a >> 8), (Int)((Short)b >> 8));
#endif
}

inline Float load(const float* p) {
  return *reinterpret_cast<const VecOf<float, kLanes>::unaligned*>(p);
}
inline void store(float* p, Float v) {
  *reinterpret_cast<VecOf<float, kLanes>::unaligned*>(p) = v;
}

inline Int load_bits(const void* p) {
  return *reinterpret_cast<const VecOf<std::int32_t, kLanes>::unaligned*>(p);
}
inline void store_bits(void* p, Int v) {
  *reinterpret_cast<VecOf<std::int32_t, kLanes>::unaligned*>(p) = v;
}

/// The first `count` lanes, zeros beyond; touches no memory beyond. Any count: 0 gives zeros, kLanes or more all lanes.
inline Float load(const float* p, std::int64_t count) {
  return count >= kLanes ? load(p) : count > 0 ? load_masked(p, count) : Float{};
}
inline void store(float* p, Float v, std::int64_t count) {
  if (count >= kLanes) {
    store(p, v);
  } else if (count > 0) {
    store_masked(p, v, count);
  }
}

/// kLanes narrow values, widened: with zeros, and with their sign.
inline Int load_halves(const std::uint16_t* p) {
#if defined(__AVX512F__)
  return (Int)_mm512_maskz_cvtepu16_epi32(0xFFFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__AVX2__)
  return (Int)_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#else
  Int v;
#pragma GCC unroll 4
  for (int lane = 0; lane < kLanes; ++lane) v[lane] = p[lane];
  return v;
#endif
}
inline Int load_bytes(const std::int8_t* p) {
#if defined(__AVX512F__)
  return (Int)_mm512_maskz_cvtepi8_epi32(0xFFFF, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(__AVX2__)
  return (Int)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
#else
  Int v;
#pragma GCC unroll 4
  for (int lane = 0; lane < kLanes; ++lane) v[lane] = p[lane];
  return v;
#endif
}

/// The lower 16 or 8 bits of the first `count` lanes.
inline void store_halves(std::uint16_t* p, Int v, std::int64_t count) {
#if defined(__AVX512F__)
  _mm512_mask_cvtepi32_storeu_epi16(p, mask_bits(count < kLanes ? count : kLanes), (__m512i)v);
#else
#pragma GCC unroll 8
  for (int lane = 0; lane < kLanes; ++lane) {
    if (lane < count) p[lane] = static_cast<std::uint16_t>(v[lane]);
  }
#endif
}
inline void store_bytes(std::int8_t* p, Int v, std::int64_t count) {
#if defined(__AVX512F__)
  _mm512_mask_cvtepi32_storeu_epi8(p, mask_bits(count < kLanes ? count : kLanes), (__m512i)v);
#else
#pragma GCC unroll 8
  for (int lane = 0; lane < kLanes; ++lane) {
    if (lane < count) p[lane] = static_cast<std::int8_t>(v[lane]);
  }
#endif
}

#if defined(__AVX512F__)
// Look-up in tables that two registers hold, and scaling, in the tiers that have instructions for it.
#define PYSEQ_LOOKUP 1

/// table[index mod 16]
inline Float lookup16(const float* table, Int index) {
  return (Float)_mm512_maskz_permutexvar_ps(0xFFFF, (__m512i)index, (__m512)load(table));
}
/// table[index mod 32]
inline Float lookup32(const float* table, Int index) {
  return (Float)_mm512_permutex2var_ps((__m512)load(table), (__m512i)index, (__m512)load(table + 16));
}
inline Int lookup32(const std::int32_t* table, Int index) {
  return (Int)_mm512_permutex2var_epi32((__m512i)load_bits(table), (__m512i)index, (__m512i)load_bits(table + 16));
}
/// v * 2^floor(power), rounded once, however small or large the result.
inline Float scale_by_power(Float v, Float power) {
  return (Float)_mm512_maskz_scalef_ps(0xFFFF, (__m512)v, (__m512)power);
}
#endif

/// Bit i is lane i of a mask (a vector of -1 and 0).
inline unsigned mask_of(Int v) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)v, (__m512i)v);
#elif defined(__AVX2__)
  return static_cast<unsigned>(_mm256_movemask_ps((__m256)v));
#elif defined(__SSE4_2__)
  return static_cast<unsigned>(_mm_movemask_ps((__m128)v));
#else
  unsigned mask = 0;
#pragma GCC unroll 4
  for (int lane = 0; lane < kLanes; ++lane) mask |= (v[lane] != 0 ? 1U : 0U) << lane;
  return mask;
#endif
}

// Reductions over lanes by halving, always in the same order: lane i meets lane i + half.
template <int Half, int... Lane>
inline Float swap_halves(Float v, LaneList<Lane...>) {
  return __builtin_shufflevector(v, v, (Lane ^ Half)...);
}
inline float sum_of_lanes(Float v) {
  if constexpr (kLanes >= 16) v += swap_halves<8>(v, AllLanes{});
  if constexpr (kLanes >= 8) v += swap_halves<4>(v, AllLanes{});
  v += swap_halves<2>(v, AllLanes{});
  return v[0] + v[1];
}
inline float max_of_lanes(Float v) {
  if constexpr (kLanes >= 16) v = max(v, swap_halves<8>(v, AllLanes{}));
  if constexpr (kLanes >= 8) v = max(v, swap_halves<4>(v, AllLanes{}));
  v = max(v, swap_halves<2>(v, AllLanes{}));
  return v[0] > v[1] ? v[0] : v[1];
}

}  // namespace
}  // namespace pyseq
