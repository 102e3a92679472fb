// stft_f32: windows of a signal, kLanes of them side by side, one in each lane.
#pragma once

#include "kernels/spectrum/fft.h"
#include "kernels/vector/transpose.h"

namespace pyseq {
namespace {

/// samples[n] = sample n of every frame; lanes without a frame repeat the first one.
inline void gather_frames(const float* const* frames, std::int64_t count, std::int64_t size, float* samples) {
  for (std::int64_t n = 0; n < size; n += kLanes) {
    Float block[kLanes];
#pragma GCC unroll 16
    for (int lane = 0; lane < kLanes; ++lane) block[lane] = load(frames[lane < count ? lane : 0] + n, size - n);
    transpose_block(block);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) store(samples + (n + i) * kLanes, block[i]);
  }
}

/// Mean, emphasis and window; zeros up to fft_size.
inline void prepare_frames(const StftF32& args, float* samples) {
  const std::int64_t size = args.window_size;
  if (args.remove_mean) {
    Float sum{};
    for (std::int64_t n = 0; n < size; ++n) sum += load(samples + n * kLanes);
    const Float mean = sum / broadcast(static_cast<float>(size));
    for (std::int64_t n = 0; n < size; ++n) store(samples + n * kLanes, load(samples + n * kLanes) - mean);
  }
  if (args.preemphasis != 0.0F) {
    const Float share = broadcast(-args.preemphasis);
    for (std::int64_t n = size - 1; n >= 0; --n) {
      float* at = samples + n * kLanes;
      store(at, fma(share, load(n > 0 ? at - kLanes : at), load(at)));
    }
  }
  for (std::int64_t n = 0; n < size; ++n) {
    store(samples + n * kLanes, load(samples + n * kLanes) * broadcast(args.window[n]));
  }
  for (std::int64_t n = size; n < args.fft_size; ++n) store(samples + n * kLanes, Float{});
}

/// Value k of the spectrum of real signals whose samples 2 j and 2 j + 1 were the parts of z[j], from z's spectrum.
inline Complex real_spectrum(const float* z, std::int64_t half, std::int64_t k, const float* twiddle) {
  const Complex at = load_complex(z + (k == half ? 0 : k) * 2 * kLanes);
  const Complex mirrored = load_complex(z + (k == 0 ? 0 : half - k) * 2 * kLanes);
  const Float half_of = broadcast(0.5F);
  const Complex even = {(at.re + mirrored.re) * half_of, (at.im - mirrored.im) * half_of};
  const Complex odd = {(at.im + mirrored.im) * half_of, (mirrored.re - at.re) * half_of};
  return even + rotated(odd, twiddle);
}

/// values[i] of every lane -> y[lane][i], for i < size.
inline void scatter_block(Float (&values)[kLanes], float* const* y, std::int64_t count, std::int64_t at,
                          std::int64_t size) {
  transpose_block(values);
#pragma GCC unroll 16
  for (int lane = 0; lane < kLanes; ++lane) {
    if (lane < count) store(y[lane] + at, values[lane], size);
  }
}

inline void write_spectra(const StftF32& args, const float* z, float* const* y, std::int64_t count) {
  const std::int64_t half = args.fft_size / 2, bins = half + 1;
  for (std::int64_t first = 0; first < bins; first += kLanes) {
    const std::int64_t size = bins - first;
    Float real[kLanes] = {}, imaginary[kLanes] = {};
    for (int i = 0; i < kLanes && i < size; ++i) {
      const Complex value = real_spectrum(z, half, first + i, args.half_twiddle + 2 * (first + i));
      if (args.kind == SpectrumKind::complex) {
        real[i] = value.re;
        imaginary[i] = value.im;
      } else {
        const Float power = fma(value.re, value.re, value.im * value.im);
        real[i] = args.kind == SpectrumKind::power ? power : sqrt(power);
      }
    }
    scatter_block(real, y, count, first, size);
    if (args.kind == SpectrumKind::complex) scatter_block(imaginary, y, count, bins + first, size);
  }
}

void stft_f32(const StftF32* args) {
  float* samples = args->work;
  float* other = args->work + (args->fft_size + kStftFrames) * kStftFrames;
  for (std::int64_t first = 0; first < args->count; first += kLanes) {
    const std::int64_t count = args->count - first;
    gather_frames(args->frames + first, count, args->window_size, samples);
    prepare_frames(*args, samples);
    const float* z = fft(args->passes, args->num_passes, samples, other);
    write_spectra(*args, z, args->y + first, count);
  }
}

}  // namespace
}  // namespace pyseq
