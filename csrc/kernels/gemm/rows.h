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

/// What a row's values lie between: low <= 0 <= high. One of them is NaN or infinite when a value is.
struct RowRange {
  float low, high;
};

inline Int larger(Int a, Int b) {
  return a > b ? a : b;
}
template <int Half>
inline Int larger_half(Int lanes) {
  return larger(lanes, bits(swap_halves<Half>(from_bits(lanes), AllLanes{})));
}
/// The largest lane, as a float32 that is not negative: those are ordered as their bits are, NaN above infinity.
inline float largest_of_lanes(Int lanes) {
  if constexpr (kLanes >= 16) lanes = larger_half<8>(lanes);
  if constexpr (kLanes >= 8) lanes = larger_half<4>(lanes);
  lanes = larger_half<2>(lanes);
  return __builtin_bit_cast(float, lanes[0] > lanes[1] ? lanes[0] : lanes[1]);
}

inline RowRange range_of(std::int64_t n, const float* x) {
  // Bits of negative numbers are negative: each maximum sees the values of one sign alone, and 0.
  constexpr int kInFlight = 2;
  const Int sign = broadcast(std::int32_t{-0x7FFFFFFF - 1});
  Int positive[kInFlight] = {}, negative[kInFlight] = {};
  const auto look = [&](int v, Float values) {
    const Int above = bits(values), below = above ^ sign;
    positive[v] = larger(positive[v], above);
    negative[v] = larger(negative[v], below);
  };
  std::int64_t i = 0;
  for (; i + kInFlight * kLanes <= n; i += kInFlight * kLanes) {
#pragma GCC unroll 4
    for (int v = 0; v < kInFlight; ++v) look(v, load(x + i + v * kLanes));
  }
  for (; i < n; i += kLanes) look(0, load(x + i, n - i));
#pragma GCC unroll 4
  for (int v = 1; v < kInFlight; ++v) {
    positive[0] = larger(positive[0], positive[v]);
    negative[0] = larger(negative[0], negative[v]);
  }
  return {-largest_of_lanes(negative[0]), largest_of_lanes(positive[0])};
}

/// Adding and taking away 1.5 * 2^23 leaves the nearest integer, halves to even, in the lowest bits.
constexpr float kIntegerShift = 12582912.0F;
constexpr std::int32_t kShiftBits = __builtin_bit_cast(std::int32_t, kIntegerShift);
inline Int nearest_integers(Float v) {
  return bits(v + kIntegerShift) - broadcast(kShiftBits);
}
inline std::int32_t nearest_integer(float v) {
  return __builtin_bit_cast(std::int32_t, v + kIntegerShift) - kShiftBits;
}

/// From the least to the largest value of a row: however both round, their distance is 255 at most.
constexpr float kRowSteps = 254.0F;
constexpr std::int32_t kLeastRowValue = kInt8Offset - 128;

/// Returns `zero`. The least value becomes kLeastRowValue: halves to even, low and -low round alike.
inline std::int32_t quantize_row(std::int64_t k, const float* x, float scale, float low, std::int8_t* q) {
  // A division per row rather than per value; rows of zeros and of the smallest numbers keep their zeros.
  const float inverse = scale > 0.0F && 1.0F / scale <= 3.4e38F ? 1.0F / scale : 0.0F;
  const std::int32_t zero = kLeastRowValue - nearest_integer(low * inverse);
  for (std::int64_t i = 0; i < k; i += kLanes) {
    const Int value = nearest_integers(load(x + i, k - i) * inverse);
    store_bytes(q + i, value + broadcast(zero), k - i);
  }
  for (std::int64_t i = k; i % 4 != 0; ++i) q[i] = 0;  // weights are zero there
  return zero;
}

void quantize_rows_int8(const QuantizeRowsInt8* args) {
  for (std::int64_t r = 0; r < args->rows; ++r) {
    const float* x = args->x + r * args->x_stride;
    const RowRange range = range_of(args->k, x);
    const float scale = range.high / kRowSteps - range.low / kRowSteps;  // the difference could overflow
    const bool is_finite = scale - scale == 0.0F;
    const std::int32_t zero =
        quantize_row(args->k, x, is_finite ? scale : 0.0F, is_finite ? range.low : 0.0F, args->q + r * args->q_stride);
    args->quantized[r] = {is_finite ? scale : __builtin_nanf(""), zero};
  }
}

}  // namespace
}  // namespace pyseq
