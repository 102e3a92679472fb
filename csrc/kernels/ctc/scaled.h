// Numbers with an exponent of their own: mantissa * 2^exponent, not negative. Sums of probabilities of any size,
// without logarithms and with the relative precision of float32.
#pragma once

#include "kernels/vector/math.h"

namespace pyseq {
namespace {

/// The mantissa is 0 or in [1, 2) (larger in sums, until `product` brings it back).
struct Scaled {
  Float mantissa;
  Int exponent;
};

// The exponent of zero lies below those of all numbers that matter, so that a sum takes its other term's.
constexpr std::int32_t kZeroExponent = -(1 << 28);
constexpr std::int32_t kLeastExponent = -(1 << 29);

inline Int larger(Int a, Int b) {
  return a > b ? a : b;
}
inline Int smaller(Int a, Int b) {
  return a < b ? a : b;
}

inline Scaled load_scaled(const float* mantissas, const float* exponents) {
  return {load(mantissas), bits(load(exponents))};
}
inline void store_scaled(float* mantissas, float* exponents, Scaled v) {
  store(mantissas, v.mantissa);
  store(exponents, from_bits(v.exponent));
}
inline Scaled zero_scaled() {
  return {Float{}, broadcast(kZeroExponent)};
}
/// v where the mask is set, else zero.
inline Scaled masked(Int mask, Scaled v) {
  return {from_bits(bits(v.mantissa) & mask), mask ? v.exponent : broadcast(kZeroExponent)};
}

/// The mantissa of v beside the exponent `common`, which is not smaller than that of v.
inline Float aligned(Scaled v, Int common) {
  return v.mantissa * from_bits(larger(v.exponent - common + 127, Int{}) << 23);
}
inline Scaled sum(Scaled a, Scaled b) {
  const Int common = larger(a.exponent, b.exponent);
  return {aligned(a, common) + aligned(b, common), common};
}
inline Scaled sum(Scaled a, Scaled b, Scaled c) {
  const Int common = larger(larger(a.exponent, b.exponent), c.exponent);
  return {(aligned(a, common) + aligned(b, common)) + aligned(c, common), common};
}

/// a * b with a mantissa in [1, 2), or 0: mantissas that are not 0 have a product of at least 1.
inline Scaled product(Scaled a, Scaled b) {
  const Float mantissa = a.mantissa * b.mantissa;
  const Int excess = larger((bits(mantissa) >> 23) - 127, Int{});
  return {from_bits(bits(mantissa) - (excess << 23)),
          larger(a.exponent + b.exponent + excess, broadcast(kLeastExponent))};
}

/// e^x for x of at most about 0, with a mantissa in [1, 4): the steps of `exp`, without putting the power of two back.
/// Below -700000, and for NaN, zero.
inline Scaled exp_scaled(Float x) {
  const Int counts = x > -700000.0F;
  x = select(counts, x, Float{});
  const Float shift = broadcast(12582912.0F);
  const Float shifted = fma(x, broadcast(1.44269504F), shift);
  const Int n = bits(shifted) - bits(shift);
  const Float whole = shifted - shift;
  Float r = fma(whole, broadcast(-kLn2High), x);
  r = fma(whole, broadcast(-kLn2Low), r);
  const Float p =
      polynomial(r, 4.999999404e-01F, 1.666652113e-01F, 4.166838899e-02F, 8.368745446e-03F, 1.381453942e-03F);
  const Float power = fma(r * r, p, r) + 1.0F;  // in [1/sqrt 2, sqrt 2]
  return masked(counts, {power + power, n - 1});
}

}  // namespace
}  // namespace pyseq
