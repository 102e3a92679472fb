// Windows over a grid [batch, height, width, channels]: what convolution and pooling share. A sequence is a grid of
// height 1 whose rows may have widths of their own; what lies beyond them is never read.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/threads.h"
#include "kernels/table.h"
#include "ops/registry.h"

namespace pyseq {

/// Where windows stand along one axis.
struct WindowAxis {
  std::int64_t kernel = 1, stride = 1, dilation = 1, before = 0, after = 0;

  /// From the first tap to the last.
  std::int64_t reach() const { return (kernel - 1) * dilation; }
  /// Windows over `size` places and the padding at both ends.
  std::int64_t count(std::int64_t size) const {
    const std::int64_t last = size + before + after - reach() - 1;
    return last < 0 ? 0 : last / stride + 1;
  }
  bool is_single() const { return kernel == 1 && stride == 1 && before == 0 && after == 0; }
};

/// kernel, stride, dilation 1 to 2^30, padding 0 to 2^30, so that sums stay far from overflow. ValueError otherwise.
void check_axis(std::string_view label, const WindowAxis& axis);

struct WindowGrid {
  std::int64_t batch = 0, height = 1, width = 0, channels = 0;
  WindowAxis vertical, horizontal;
  const float* x = nullptr;
  const std::int64_t* widths = nullptr;  // of each row of the batch, or null: all of them `width`

  std::int64_t out_height() const { return vertical.count(height); }
  std::int64_t out_width() const { return horizontal.count(width); }
  std::int64_t width_of(std::int64_t row) const { return widths == nullptr ? width : widths[row]; }
  /// Windows of a row of the batch: those that it would have alone, without what lies beyond its width.
  std::int64_t out_width_of(std::int64_t row) const { return horizontal.count(width_of(row)); }
  const float* at(std::int64_t row, std::int64_t y, std::int64_t x_place) const {
    return x + ((row * height + y) * width + x_place) * channels;
  }
};

/// Neighbouring windows that see the same of their taps, and which taps those are.
struct WindowRun {
  std::int64_t first, count;  // along the output's width
  const std::vector<const float*>& taps;
  const std::vector<std::int64_t>& numbers;
  WindowsF32 for_kernel(const WindowGrid& grid) const;
};

/// Visits all windows, on all threads: visit(row, y, run). Runs lie inside a row of the output. The limits are looked
/// at between them.
using VisitWindows = FunctionRef<void(std::int64_t, std::int64_t, const WindowRun&)>;
void for_each_window(const WindowGrid& grid, const RunLimits& limits, VisitWindows visit);
/// The same on the calling thread, in ascending order.
void walk_over_windows(const WindowGrid& grid, const RunLimits& limits, VisitWindows visit);

/// Window number `index` of the output, channels [channel, channel + channels), to the row `to` of a matrix.
void lay_out_window(const WindowGrid& grid, std::int64_t index, std::int64_t channel, std::int64_t channels, float* to);

/// Zeros in y [batch, out_height, out_width, out_channels] where rows of the batch are shorter.
void zero_beyond_widths(const WindowGrid& grid, std::int64_t out_channels, float* y);

}  // namespace pyseq
