// Fourier transforms of kLanes signals at once: lane l of every vector belongs to signal l, so that no pass moves
// values between lanes, and a signal's bits do not depend on its neighbours. Stockham's form: a pass reads one buffer
// and writes another, and leaves the results in their natural order.
#pragma once

#include "kernels/spectrum/args.h"
#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

/// A complex value of every signal.
struct Complex {
  Float re, im;
};

inline Complex operator+(Complex a, Complex b) {
  return {a.re + b.re, a.im + b.im};
}
inline Complex operator-(Complex a, Complex b) {
  return {a.re - b.re, a.im - b.im};
}
/// a * (cosine + i sine), from a pair in memory.
inline Complex rotated(Complex a, const float* pair) {
  const Float cosine = broadcast(pair[0]), sine = broadcast(pair[1]);
  return {fma(a.re, cosine, -(a.im * sine)), fma(a.re, sine, a.im * cosine)};
}
inline Complex load_complex(const float* p) {
  return {load(p), load(p + kLanes)};
}
inline void store_complex(float* p, Complex value) {
  store(p, value.re);
  store(p + kLanes, value.im);
}

/// y[k] = sum over j of a[j] * exp(-2 pi i j k / Radix), in place, for an odd radix: values j and Radix - j together.
template <int Radix>
inline void butterfly(Complex (&a)[Radix], const float* roots) {
  constexpr int kPairs = (Radix - 1) / 2;
  Complex sums[kPairs], differences[kPairs], first = a[0];
#pragma GCC unroll 3
  for (int j = 0; j < kPairs; ++j) {
    sums[j] = a[j + 1] + a[Radix - 1 - j];
    differences[j] = a[j + 1] - a[Radix - 1 - j];
    a[0] = a[0] + sums[j];
  }
#pragma GCC unroll 3
  for (int k = 1; k <= kPairs; ++k) {
    Complex even = first, odd{};
#pragma GCC unroll 3
    for (int j = 0; j < kPairs; ++j) {
      const float* root = roots + 2 * ((j + 1) * k % Radix);
      const Float cosine = broadcast(root[0]), sine = broadcast(root[1]);
      even = {fma(sums[j].re, cosine, even.re), fma(sums[j].im, cosine, even.im)};
      odd = {fma(differences[j].im, sine, odd.re), fma(differences[j].re, sine, odd.im)};
    }
    a[k] = {even.re + odd.re, even.im - odd.im};
    a[Radix - k] = {even.re - odd.re, even.im + odd.im};
  }
}

template <>
inline void butterfly<2>(Complex (&a)[2], const float*) {
  const Complex first = a[0];
  a[0] = first + a[1];
  a[1] = first - a[1];
}

template <>
inline void butterfly<4>(Complex (&a)[4], const float*) {
  const Complex even = a[0] + a[2], odd = a[0] - a[2], sum = a[1] + a[3], difference = a[1] - a[3];
  const Complex turned = {difference.im, -difference.re};  // times -i
  a[0] = even + sum;
  a[1] = odd + turned;
  a[2] = even - sum;
  a[3] = odd - turned;
}

template <int Radix>
void fft_pass(const FftPass& pass, const float* from, float* to) {
  constexpr std::int64_t kWidth = 2 * kLanes;  // of a complex value
  const std::int64_t parts = pass.size / Radix, stride = pass.stride;
  for (std::int64_t part = 0; part < parts; ++part) {
    const float* twiddles = pass.twiddles + part * 2 * (Radix - 1);
    for (std::int64_t q = 0; q < stride; ++q) {
      Complex a[Radix];
#pragma GCC unroll 7
      for (int j = 0; j < Radix; ++j) a[j] = load_complex(from + (q + stride * (part + j * parts)) * kWidth);
      butterfly<Radix>(a, pass.roots);
      float* out = to + (q + stride * Radix * part) * kWidth;
      store_complex(out, a[0]);
#pragma GCC unroll 7
      for (int k = 1; k < Radix; ++k) {
        store_complex(out + k * stride * kWidth, rotated(a[k], twiddles + 2 * (k - 1)));
      }
    }
  }
}

/// All passes; returns the buffer that holds the result, `values` or `other`.
inline float* fft(const FftPass* passes, std::int64_t count, float* values, float* other) {
  for (std::int64_t i = 0; i < count; ++i) {
    switch (passes[i].radix) {
      case 2:
        fft_pass<2>(passes[i], values, other);
        break;
      case 3:
        fft_pass<3>(passes[i], values, other);
        break;
      case 4:
        fft_pass<4>(passes[i], values, other);
        break;
      case 5:
        fft_pass<5>(passes[i], values, other);
        break;
      default:
        fft_pass<7>(passes[i], values, other);
    }
    float* result = other;
    other = values;
    values = result;
  }
  return values;
}

}  // namespace
}  // namespace pyseq
