// exp, log, tanh, sigmoid and erf on vectors. Error budgets are in README.md and tested for every exponent of float32.
// Polynomial coefficients are minimax fits (Lawson iterations in float64) of the functions named beside them.
// All steps are safe without fast-math and without fused multiply-add.
#pragma once

#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

constexpr float kInfinity = __builtin_inff();
constexpr std::int32_t kSignBit = static_cast<std::int32_t>(0x80000000U);

inline Float abs(Float x) {
  return from_bits(bits(x) & ~kSignBit);
}
/// |magnitude| with the sign of `sign`; magnitude must not be negative.
inline Float with_sign(Float magnitude, Float sign) {
  return from_bits(bits(magnitude) | (bits(sign) & kSignBit));
}

/// c0 + x (c1 + x (c2 + ...))
inline Float polynomial(Float, float c0) {
  return broadcast(c0);
}
template <typename... Rest>
inline Float polynomial(Float x, float c0, float c1, Rest... rest) {
  return fma(x, polynomial(x, c1, rest...), broadcast(c0));
}

// ln 2 = kLn2High + kLn2Low. The high part has 9 bits, so that its product with an exponent is exact.
constexpr float kLn2High = 0.693359375F;
constexpr float kLn2Low = -2.12194440e-4F;

/// 2^n for -126 <= n <= 127.
inline Float power_of_two(Int n) {
  return from_bits((n + 127) << 23);
}

#if defined(PYSEQ_LOOKUP)
/// e^x for |x| up to 104: x = (n/16) ln2 + r with |r| <= ln2 / 32, e^x = 2^(n/16) (1 + r p(r)), 2^(n/16 mod 1) from a
/// table.
inline Float exp_bounded(Float x) {
  // 2^(j/16)
  static constexpr float kPowers[16] = {1.0F,        1.04427373F, 1.09050775F, 1.13878858F, 1.18920708F, 1.24185777F,
                                        1.29683959F, 1.35425556F, 1.41421354F, 1.47682619F, 1.54221082F, 1.61049032F,
                                        1.68179286F, 1.75625217F, 1.8340081F,  1.91520655F};
  // Adding 1.5 * 2^19 rounds to a multiple of 1/16; the number of sixteenths stands in the low bits.
  const Float shift = broadcast(786432.0F);
  const Float shifted = fma(x, broadcast(1.44269504F), shift);
  const Float whole = shifted - shift;
  Float r = fma(whole, broadcast(-kLn2High), x);
  r = fma(whole, broadcast(-kLn2Low), r);
  const Float p = polynomial(r, 1.0F, 5.000162067e-01F, 1.666703891e-01F);
  const Float power = lookup16(kPowers, bits(shifted));
  return scale_by_power(fma(power * r, p, power), whole);
}
#else
/// e^x for |x| up to 104: x = n ln2 + r with |r| <= ln2 / 2, e^r = 1 + r + r² p(r).
inline Float exp_bounded(Float x) {
  // Adding 1.5 * 2^23 rounds to an integer that stands in the low bits.
  const Float shift = broadcast(12582912.0F);
  const Float shifted = fma(x, broadcast(1.44269504F), shift);
  const Int n = bits(shifted) - bits(shift);
  const Float whole = shifted - shift;
  Float r = fma(whole, broadcast(-kLn2High), x);
  r = fma(whole, broadcast(-kLn2Low), r);
  const Float p =
      polynomial(r, 4.999999404e-01F, 1.666652113e-01F, 4.166838899e-02F, 8.368745446e-03F, 1.381453942e-03F);
  const Float power = fma(r * r, p, r) + 1.0F;
  const Int half = n >> 1;  // in two steps, because 2^n itself may lie outside the normal numbers
  return power * power_of_two(half) * power_of_two(n - half);
}
#endif

inline Float exp(Float x) {
  x = max(broadcast(-104.0F), x);                // e^-104 rounds to 0; NaN stays
  return exp_bounded(min(broadcast(89.0F), x));  // e^89 overflows
}

/// e^x for x <= 0, the exponential of softmax: results below the normal numbers (x < -87.33) are 0.
#if defined(PYSEQ_LOOKUP)
/// e^x = 2^(n/32) (1 + r p(r)) with |r| <= ln2 / 64; the error of taking ln2 as one float32 grows with |x|.
inline Float exp_nonpositive(Float x) {
  // The bits of 2^(j/32), less those that the index itself adds.
  static constexpr std::int32_t kPowers[32] = {
      0x3F800000, 0x3F7ECD87, 0x3F7DAAC3, 0x3F7C980F, 0x3F7B95C2, 0x3F7AA43A, 0x3F79C3D3, 0x3F78F4F0,
      0x3F7837F0, 0x3F778D3A, 0x3F76F532, 0x3F767043, 0x3F75FED7, 0x3F75A15B, 0x3F75583F, 0x3F7523F6,
      0x3F7504F3, 0x3F74FBAF, 0x3F7508A4, 0x3F752C4D, 0x3F75672A, 0x3F75B9BE, 0x3F76248C, 0x3F76A81E,
      0x3F7744FD, 0x3F77FBB8, 0x3F78CCDF, 0x3F79B907, 0x3F7AC0C7, 0x3F7BE4BA, 0x3F7D257D, 0x3F7E83B3};
  // Adding 1.5 * 2^18 rounds to a multiple of 1/32; the number of these, n, stands in the low bits.
  const Float shift = broadcast(393216.0F);
  const Float shifted = fma(x, broadcast(1.44269504F), shift);
  const Float r = fma(shifted - shift, broadcast(-0.693147181F), x);
  const Float power = from_bits(lookup32(kPowers, bits(shifted)) + (bits(shifted) << 18));
  const Float p = polynomial(r, 1.000014675e+00F, 5.000045576e-01F);
  return select(x < -87.33F, Float{}, fma(power * r, p, power));
}
#else
inline Float exp_nonpositive(Float x) {
  return select(x < -87.33F, Float{}, exp(x));
}
#endif

/// ln x: x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt 2), ln(1 + f) = f - f²/2 + f³ p(f).
inline Float log(Float x) {
  const Int subnormal = x < 1.17549435e-38F;
  const Float scaled = select(subnormal, x * 8388608.0F, x);
  // Counting mantissas from sqrt(1/2) puts 1 + f into its interval.
  constexpr std::int32_t kSqrtHalf = 0x3F3504F3;
  const Int offset = bits(scaled) - kSqrtHalf;
  const Int exponent = (offset >> 23) + (subnormal & -23);
  const Float f = from_bits((offset & 0x007FFFFF) + kSqrtHalf) - 1.0F;
  const Float e = to_float(exponent);
  const Float p = polynomial(f, 3.333331645e-01F, -2.500081062e-01F, 2.000228614e-01F, -1.662455350e-01F,
                             1.418119222e-01F, -1.312875450e-01F, 1.288164705e-01F, -7.859611511e-02F);
  const Float square = f * f;
  Float small = fma(e, broadcast(kLn2Low), square * f * p);
  small = fma(square, broadcast(-0.5F), small);
  Float result = fma(e, broadcast(kLn2High), f + small);
  result = select(x == kInfinity, x, result);
  result = select(x == 0.0F, broadcast(-kInfinity), result);
  return select(x >= 0.0F, result, broadcast(__builtin_nanf("")));  // negative or NaN
}

#if defined(PYSEQ_LOOKUP)
/// Polynomials of tanh a around a = 0, w, ..., 31 w with w = 71/256, minimax of the relative error within w/2 of each;
/// 1 from 30.5 w on. kTanh[power][interval].
// clang-format off
alignas(64) constexpr float kTanh[6][32] = {
    {0.0F, 0.27044487F, 0.504025161F, 0.681565166F, 0.803841352F, 0.882446885F, 0.930762351F, 0.959645391F, 0.976625502F, 0.986510038F, 0.992231071F, 0.995531261F, 0.997431397F, 0.998524189F, 0.999152243F, 0.99951309F, 0.999720335F, 0.999839425F, 0.999907792F, 0.999947011F, 0.999969602F, 0.999982536F, 0.999989986F, 0.999994218F, 0.999996722F, 0.999998093F, 0.999998927F, 0.999999344F, 0.999999642F, 0.999999821F, 0.999999881F, 1.0F},
    {1.0F, 0.926859856F, 0.745958745F, 0.535468936F, 0.35383907F, 0.221287474F, 0.133681491F, 0.0790807754F, 0.0462026633F, 0.0267979782F, 0.0154775493F, 0.00891748071F, 0.00513063464F, 0.00294950022F, 0.00169482024F, 0.000973604794F, 0.000559210137F, 0.0003211656F, 0.000184442484F, 0.000105920568F, 6.08264381e-05F, 3.49301372e-05F, 2.00588383e-05F, 1.15188714e-05F, 6.61474769e-06F, 3.79853532e-06F, 2.18131709e-06F, 1.25262557e-06F, 7.19322543e-07F, 4.13072257e-07F, 2.37207459e-07F, 0.0F},
    {5.22270057e-07F, -0.250650078F, -0.37597388F, -0.364958853F, -0.284434378F, -0.195276663F, -0.124426402F, -0.0758895352F, -0.0451225527F, -0.0264363252F, -0.0153571954F, -0.00887755863F, -0.00511741219F, -0.00294512114F, -0.00169336819F, -0.000973121845F, -0.000559048611F, -0.000321111031F, -0.00018442377F, -0.000105913976F, -6.08240225e-05F, -3.49292022e-05F, -2.00584509e-05F, -1.15186976e-05F, -6.61466447e-06F, -3.7984928e-06F, -2.18129435e-06F, -1.25261317e-06F, -7.19315608e-07F, -4.13068335e-07F, -2.37205256e-07F, 0.0F},
    {-0.33336699F, -0.241218388F, -0.0591755398F, 0.0702475607F, 0.110693462F, 0.0985595286F, 0.0712515041F, 0.0464671291F, 0.0286671445F, 0.0171471499F, 0.0100787636F, 0.0058654286F, 0.00339407544F, 0.00195761886F, 0.0011269988F, 0.000648116635F, 0.000372490933F, 0.000214005457F, 0.00012292662F, 7.06019055e-05F, 4.05469182e-05F, 2.32853417e-05F, 1.3372045e-05F, 7.67905021e-06F, 4.409751e-06F, 2.53232133e-06F, 1.45419494e-06F, 8.35074957e-07F, 4.79543473e-07F, 2.75379051e-07F, 1.58136956e-07F, 0.0F},
    {0.000643237727F, 0.146748096F, 0.154020756F, 0.0740354285F, 0.00637359358F, -0.021574527F, -0.0247449838F, -0.0192904137F, -0.0129765244F, -0.00812450424F, -0.00489663472F, -0.00288993143F, -0.0016856296F, -0.000976643292F, -0.000563710113F, -0.000324660679F, -0.000186750418F, -0.0001073452F, -6.16772959e-05F, -3.5429548e-05F, -2.03491909e-05F, -1.16867832e-05F, -6.71155885e-06F, -3.85425756e-06F, -2.21335745e-06F, -1.27103954e-06F, -7.29902467e-07F, -4.19147284e-07F, -2.40695726e-07F, -1.38220543e-07F, -7.93725548e-08F, 0.0F},
    {0.129225612F, 0.0629134327F, -0.0401626192F, -0.0613041632F, -0.0338835232F, -0.00883401465F, 0.00223815627F, 0.00475114863F, 0.00411913544F, 0.00287734019F, 0.0018319597F, 0.0011133824F, 0.000660015852F, 0.000385905732F, 0.000223894458F, 0.000129328968F, 7.4517593e-05F, 4.28744788e-05F, 2.46480031e-05F, 1.41631599e-05F, 8.13619135e-06F, 4.67318387e-06F, 2.68390795e-06F, 1.54134602e-06F, 8.85152531e-07F, 5.0830937e-07F, 2.91879218e-07F, 1.67637467e-07F, 9.62790168e-08F, 5.52772583e-08F, 3.17417772e-08F, 0.0F},
};
// clang-format on

inline Float tanh(Float x) {
  const Float a = abs(x);
  const Float bounded = min(broadcast(31 * 71.0F / 256.0F), a);  // NaN stays
  const Float shift = broadcast(12582912.0F);                    // rounds to an integer that stands in the low bits
  const Float shifted = fma(bounded, broadcast(256.0F / 71.0F), shift);
  const Int interval = bits(shifted);
  const Float t = fma(shifted - shift, broadcast(-71.0F / 256.0F), bounded);
  Float p = lookup32(kTanh[5], interval);
#pragma GCC unroll 5
  for (int power = 4; power >= 0; --power) p = fma(t, p, lookup32(kTanh[power], interval));
  return with_sign(p, x);
}
#else
/// x + x³ p(x²) near 0, else 1 - 2 / (e^2|x| + 1) with the sign of x.
inline Float tanh(Float x) {
  const Float a = abs(x);
  const Float square = a * a;
  const Float p =
      polynomial(square, -3.333328366e-01F, 1.333149076e-01F, -5.374349654e-02F, 2.065058611e-02F, -5.717044696e-03F);
  const Float near = fma(a * square, p, a);
  const Float far = 1.0F - 2.0F / (exp(a + a) + 1.0F);
  return with_sign(select(a < 0.625F, near, far), x);
}
#endif

/// 1 / (1 + e^-x), as e^x / (1 + e^x) below 0, which keeps its relative precision down to the subnormal numbers.
inline Float sigmoid(Float x) {
  const Float z = exp_bounded(max(broadcast(-104.0F), from_bits(bits(x) | kSignBit)));
  return select(x < 0.0F, z, broadcast(1.0F)) / (1.0F + z);
}

/// x + x p(x²) near 0, else 1 - e^q(|x|) with the sign of x, where q fits the logarithm of erfc.
inline Float erf(Float x) {
  const Float a = abs(x);
  const Float square = a * a;
  const Float p = polynomial(square, 1.283791512e-01F, -3.761250079e-01F, 1.128187999e-01F, -2.676845901e-02F,
                             4.995317198e-03F, -5.999365821e-04F);
  const Float near = fma(a, p, a);
  const Float bounded = min(broadcast(4.0F), a);  // erf rounds to 1 from 3.92 on
  const Float q = polynomial(bounded, -1.664471638e-04F, -1.127797246e+00F, -6.369760633e-01F, -1.041136831e-01F,
                             2.231521532e-02F, -3.065490862e-03F, 1.982197282e-04F);
  const Float far = 1.0F - exp(q);
  return with_sign(select(a < 0.921875F, near, far), x);
}

// Kahan's corrections: what rounding 1 + z (or e^x) lost is made good by the ratio of what was meant to what was taken.
/// ln(1 + z) for 0 <= z <= 1.
inline Float log_1p(Float z) {
  const Float one_more = 1.0F + z;
  return select(one_more == 1.0F, z, log(one_more) * (z / (one_more - 1.0F)));
}
/// e^x - 1 for x <= 0.
inline Float exp_m1(Float x) {
  const Float e = exp(x), less = e - 1.0F;
  const Float corrected = select(less == -1.0F, less, less * (x / log(e)));
  return select(e == 1.0F, x, corrected);
}

/// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)
inline Float softplus(Float x) {
  return max(Float{}, x) + log_1p(exp(-abs(x)));
}

}  // namespace
}  // namespace pyseq
