// Rows of sinusoids, computed in double and kept for the whole process.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace pyseq {

struct SinusoidLayout {
  std::int64_t width = 0;
  bool split = false;      // all sines before all cosines; else they alternate
  bool inclusive = false;  // the slowest wave is exactly `base` times as long as the fastest
  double base = 10000.0;

  friend bool operator==(const SinusoidLayout&, const SinusoidLayout&) = default;
};

/// Writes the row of one position (`layout.width` values).
void sinusoid_row(const SinusoidLayout& layout, std::int64_t position, float* row);

/// Rows of positions 0 .. at least positions - 1 (fewer when they would take too much memory), shared by all callers
/// and grown on demand. Thread-safe; what was handed out stays as it is.
using SinusoidTable = std::vector<float>;
std::shared_ptr<const SinusoidTable> sinusoid_table(const SinusoidLayout& layout, std::int64_t positions);

}  // namespace pyseq
