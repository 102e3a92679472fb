// Cheap random numbers of one slice of work, seeded so that only what is worked on matters, never who does it.
#pragma once

#include <cstdint>

#include "base/philox.h"

namespace pyseq {

/// SplitMix64 (Steele et al. 2014), started from a Philox block of (seed, stream, step).
class SliceRandom {
 public:
  SliceRandom(std::uint64_t seed, std::uint64_t stream, std::uint64_t step) {
    const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
    const auto high = [](std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); };
    const PhiloxCounter words = philox({low(step), high(step), low(stream), high(stream)}, {low(seed), high(seed)});
    state_ = std::uint64_t{words[0]} << 32 | words[1];
  }

  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  /// A number below `count`, which is below 2³²: the upper bits decide (the bias is below count / 2³²).
  std::uint32_t below(std::uint32_t count) { return static_cast<std::uint32_t>(((bits() >> 32) * count) >> 32); }
  /// A number in [0, 1).
  float uniform() { return static_cast<float>(bits() >> 40) * 0x1p-24F; }

 private:
  std::uint64_t state_;
};

}  // namespace pyseq
