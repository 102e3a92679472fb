// Rows of float32 made ready for products with narrow weights: round_rows_bf16 and quantize_rows_int8.
#pragma once

#include "kernels/gemm/args.h"
#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

/// The upper halves, rounded to nearest even; NaN stays NaN.
inline Int rounded_to_bfloat16(Float v) {
  const Int b = bits(v);
  const Int odd = (b >> 16) & 1;
  const Int rounded = (b + odd + 0x7FFF) >> 16;
  const Int quiet = (b >> 16) | 0x40;
  return v == v ? rounded : quiet;
}

void round_rows_bf16(const RoundRowsBf16* args) {
  for (std::int64_t r = 0; r < args->rows; ++r) {
    const float* x = args->x + r * args->x_stride;
    std::uint16_t* y = args->y + r * args->y_stride;
    for (std::int64_t i = 0; i < args->k; i += kLanes) {
      store_halves(y + i, rounded_to_bfloat16(load(x + i, args->k - i)), args->k - i);
    }
    if (args->k % 2 != 0) y[args->k] = 0;
  }
}

/// The largest magnitude of a row; NaN or infinite when a value is.
inline float largest_magnitude(std::int64_t n, const float* x) {
  // Magnitudes are ordered as integers, NaN above infinity.
  const Int magnitude = broadcast(std::int32_t{0x7FFFFFFF});
  Int largest[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const Int m = bits(load(x + i + v * kLanes)) & magnitude;
      largest[v] = m > largest[v] ? m : largest[v];
    }
  }
  for (; i < n; i += kLanes) {
    const Int m = bits(load(x + i, n - i)) & magnitude;
    largest[0] = m > largest[0] ? m : largest[0];
  }
#pragma GCC unroll 4
  for (int v = 1; v < 4; ++v) largest[0] = largest[v] > largest[0] ? largest[v] : largest[0];
  std::int32_t most = 0;
#pragma GCC unroll 16
  for (int lane = 0; lane < kLanes; ++lane) most = largest[0][lane] > most ? largest[0][lane] : most;
  return __builtin_bit_cast(float, most);
}

/// Adding and taking away 1.5 * 2^23 leaves the nearest integer, halves to even, in the lowest bits.
inline Int nearest_integers(Float v) {
  constexpr float kShift = 12582912.0F;
  return bits(v + kShift) - broadcast(__builtin_bit_cast(std::int32_t, kShift));
}

inline void quantize_row(std::int64_t k, const float* x, float scale, std::int8_t* q) {
  // A division per row rather than per value; rows of zeros and of the smallest numbers keep their zeros.
  const float inverse = scale > 0.0F && 1.0F / scale <= 3.4e38F ? 1.0F / scale : 0.0F;
  const Int offset = broadcast(std::int32_t{kInt8Offset});
  for (std::int64_t i = 0; i < k; i += kLanes) {
    const Int value = nearest_integers(load(x + i, k - i) * inverse);
    store_bytes(q + i, value + offset, k - i);
  }
  for (std::int64_t i = k; i % 4 != 0; ++i) q[i] = 0;
}

void quantize_rows_int8(const QuantizeRowsInt8* args) {
  for (std::int64_t r = 0; r < args->rows; ++r) {
    const float* x = args->x + r * args->x_stride;
    const float scale = largest_magnitude(args->k, x) / 127.0F;
    const bool is_finite = scale - scale == 0.0F;
    args->scales[r] = is_finite ? scale : __builtin_nanf("");
    quantize_row(args->k, x, is_finite ? scale : 0.0F, args->q + r * args->q_stride);
  }
}

}  // namespace
}  // namespace pyseq
