// What a Fourier transform of one size needs: the passes and their tables. Plans are made once and kept.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "kernels/table.h"

namespace pyseq {

/// Of real signals of `size` values, an even number: passes of size / 2 complex values.
class FftPlan {
 public:
  explicit FftPlan(std::int64_t size);
  const std::vector<FftPass>& passes() const { return passes_; }
  const float* half_twiddle() const { return half_twiddle_.data(); }
  std::int64_t size() const { return size_; }

 private:
  std::int64_t size_;
  std::vector<std::vector<float>> tables_;  // what the passes point to
  std::vector<FftPass> passes_;
  std::vector<float> half_twiddle_;
};

/// The radices of the passes of `count` complex values, in their order; empty when a prime factor is above 7.
std::vector<std::int64_t> fft_radices(std::int64_t count);

/// The plan of a size that has been checked. Thread-safe; the sizes that were used last are kept.
std::shared_ptr<const FftPlan> fft_plan(std::int64_t size);

}  // namespace pyseq
