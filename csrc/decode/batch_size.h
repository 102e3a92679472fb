// How many sources are decoded together.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pyseq/decode.h"

namespace pyseq {

/// Bounds the memory of a batch: sources times their rows.
inline std::int64_t sources_per_batch(const DecodingOptions& options) {
  constexpr std::int64_t kMaxSources = 64;
  constexpr std::int64_t kMaxRows = 512;
  const bool independent = options.alternatives || options.sampling;
  const std::int64_t rows = std::int64_t{options.beam_size} * (independent ? options.n_best : 1);
  return std::clamp<std::int64_t>(kMaxRows / rows, 1, kMaxSources);
}

}  // namespace pyseq
