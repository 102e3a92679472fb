// gelu: x Φ(x), Φ the normal distribution function.
#pragma once

#include "kernels/vector/math.h"

namespace pyseq {
namespace {

#if defined(PYSEQ_LOOKUP)
/// Polynomials of Φ(-a) around a = 0, 3/16, 6/16, ..., 90/16, minimax within 3/32 of each; zeros from 5.72 on, where
/// Φ(-a) is below the last place of 1. kUpperTail[power][interval].
// clang-format off
alignas(64) constexpr float kUpperTail[5][32] = {
    {0.5F, 0.425634325F, 0.353830248F, 0.286887705F, 0.22662735F, 0.174250707F, 0.130294517F, 0.0946757421F, 0.066807203F, 0.0457536243F, 0.0303963609F, 0.0195800792F, 0.0122244731F, 0.00739460718F, 0.00433244836F, 0.00245790114F, 0.00134989806F, 0.000717542309F, 0.000369078451F, 0.000183669967F, 8.84172914e-05F, 4.116747e-05F, 1.85367408e-05F, 8.07094602e-06F, 3.39767416e-06F, 1.38281405e-06F, 5.44042564e-07F, 2.0689717e-07F, 7.60496661e-08F, 2.70167035e-08F, 9.27541155e-09F, 0.0F},
    {-0.398942053F, -0.391990691F, -0.371854931F, -0.340567499F, -0.301137447F, -0.257073998F, -0.21187678F, -0.168593332F, -0.129517734F, -0.0960616171F, -0.0687863529F, -0.0475539342F, -0.0317396633F, -0.0204526633F, -0.0127241584F, -0.00764257787F, -0.00443182187F, -0.00248116814F, -0.00134110148F, -0.000699839613F, -0.000352587405F, -0.000171500913F, -8.05373566e-05F, -3.65140113e-05F, -1.59828014e-05F, -6.75425326e-06F, -2.75570596e-06F, -1.08547385e-06F, -4.12797249e-07F, -1.51560158e-07F, -5.37234683e-08F, 0.0F},
    {2.45555055e-14F, 0.0367490537F, 0.0697226673F, 0.0957844406F, 0.112926371F, 0.120503247F, 0.11918053F, 0.110639267F, 0.0971382409F, 0.081051968F, 0.0644872189F, 0.0490400307F, 0.035707172F, 0.0249267351F, 0.0167005062F, 0.0107474178F, 0.00664776564F, 0.00395438634F, 0.00226312596F, 0.00124660076F, 0.000661108585F, 0.00033764675F, 0.000166110782F, 7.87347017e-05F, 3.59620208e-05F, 1.5830643e-05F, 6.71720818e-06F, 2.74768695e-06F, 1.08362894e-06F, 4.12069653e-07F, 1.51103634e-07F, 0.0F},
    {0.0663809329F, 0.0629349723F, 0.0531864874F, 0.0387642086F, 0.0219593905F, 0.00522358483F, -0.00932200905F, -0.0202384759F, -0.026918415F, -0.0295289066F, -0.0288039725F, -0.0257700272F, -0.021485297F, -0.0168490931F, -0.01250285F, -0.00881458819F, -0.00592129445F, -0.00379829574F, -0.00233041868F, -0.001369345F, -0.000771389983F, -0.000416948198F, -0.000216390617F, -0.0001078934F, -5.17087938e-05F, -2.38302709e-05F, -1.05644085e-05F, -4.50660036e-06F, -1.85037402e-06F, -7.31444004e-07F, -2.78423784e-07F, 0.0F},
    {-3.63131226e-12F, -0.00905665569F, -0.0165731497F, -0.0213718172F, -0.0228940006F, -0.0212640036F, -0.0172052383F, -0.0117735127F, -0.00608122209F, -0.00104753207F, 0.00274947844F, 0.00510452455F, 0.00612193113F, 0.00610026252F, 0.00541002024F, 0.00439691218F, 0.00332558271F, 0.00236231252F, 0.00158540742F, 0.00100940175F, 0.000611504482F, 0.000353279436F, 0.000194971217F, 0.000102931917F, 5.20399335e-05F, 2.52187892e-05F, 1.17230493e-05F, 5.23073004e-06F, 2.24142923e-06F, 9.22850916e-07F, 3.65222604e-07F, 0.0F},
};
// clang-format on

/// Φ(-a) for a >= 0, to a few units of 2^-26.
inline Float upper_tail(Float a) {
  const Float bounded = min(broadcast(5.8125F), a);  // the last centre; NaN stays
  const Float shift = broadcast(12582912.0F);        // rounds to an integer that stands in the low bits
  const Float shifted = fma(bounded, broadcast(16.0F / 3.0F), shift);
  const Int interval = bits(shifted);
  const Float t = fma(shifted - shift, broadcast(-3.0F / 16.0F), bounded);
  Float p = lookup32(kUpperTail[4], interval);
#pragma GCC unroll 4
  for (int power = 3; power >= 0; --power) p = fma(t, p, lookup32(kUpperTail[power], interval));
  return p;
}

inline Float gelu(Float x) {
  const Float tail = upper_tail(abs(x));
  return x * select(x > 0.0F, 1.0F - tail, tail);
}
#else
/// x/2 (1 + erf(x / sqrt 2))
inline Float gelu(Float x) {
  return (0.5F * x) * (1.0F + erf(x * 0.707106781F));
}
#endif

/// x/2 (1 + tanh u) = x σ(2u) with u = sqrt(2/π) (x + 0.044715 x³)
inline Float gelu_tanh(Float x) {
  const Float cubic = fma(0.044715F * x * x, x, x);
  return x * sigmoid(1.59576912F * cubic);
}

}  // namespace
}  // namespace pyseq
