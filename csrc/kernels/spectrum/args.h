// Arguments of the short-time Fourier transform: spectra of windows of a signal. Compiled into every tier: plain data
// only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

/// Frames that one call of a kernel works on side by side at most: the lanes of the widest tier.
constexpr std::int64_t kStftFrames = 16;

enum class SpectrumKind { complex, power, magnitude };

/// One pass of a Fourier transform of `size` complex values: butterflies of `radix` values (2, 3, 4, 5 or 7).
struct FftPass {
  std::int64_t radix, size, stride;
  const float* twiddles;  // [size / radix, radix - 1] pairs of cosine and sine of -2 pi p k / size, k = 1, 2, ...
  const float* roots;     // [radix] pairs of cosine and sine of 2 pi j / radix
};

/// Spectra of up to kStftFrames frames. A frame is made free of its mean, emphasized (x[n] -= preemphasis * x[n - 1],
/// and x[0] -= preemphasis * x[0]), multiplied by the window, filled up with zeros to fft_size values and transformed.
struct StftF32 {
  std::int64_t count;          // 1 to kStftFrames
  const float* const* frames;  // [count], each to [window_size] samples
  float* const* y;             // [count], each to [fft_size / 2 + 1] values; complex: real parts, then imaginary parts
  std::int64_t window_size, fft_size;  // fft_size even
  const float* window;                 // [window_size]
  bool remove_mean;
  float preemphasis;  // 0: none
  std::int64_t num_passes;
  const FftPass* passes;      // of fft_size / 2 complex values, in their order
  const float* half_twiddle;  // [fft_size / 2 + 1] pairs of cosine and sine of -2 pi k / fft_size
  SpectrumKind kind;
  float* work;  // 2 * (fft_size + kStftFrames) * kStftFrames values, aligned to 64 bytes
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_SPECTRUM_KERNELS(X) X(stft_f32, StftF32)

struct SpectrumKernels {
  PYSEQ_SPECTRUM_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
