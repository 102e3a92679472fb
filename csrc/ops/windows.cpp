#include "ops/windows.h"

#include <algorithm>

#include "ops/checks.h"

namespace pyseq {
namespace {

constexpr std::int64_t kMostPlaces = std::int64_t{1} << 30;
/// Windows of one task: enough for the overhead, few enough for all threads to have some.
constexpr std::int64_t kWindowBlock = 64;

void check_range(std::string_view label, std::string_view argument, std::int64_t value, std::int64_t least) {
  if (value >= least && value <= kMostPlaces) return;
  throw_value(label, argument, std::to_string(value), std::to_string(least) + " to " + std::to_string(kMostPlaces));
}

/// Taps of an axis inside [0, size) for the window that starts at `start`: [first, last).
struct TapRange {
  std::int64_t first, last;
};
TapRange taps_inside(const WindowAxis& axis, std::int64_t start, std::int64_t size) {
  const std::int64_t first = start >= 0 ? 0 : (-start + axis.dilation - 1) / axis.dilation;
  const std::int64_t last = start >= size ? 0 : (size - 1 - start) / axis.dilation + 1;
  return {std::min(first, axis.kernel), std::clamp(last, std::min(first, axis.kernel), axis.kernel)};
}

/// The windows of one row of the output, one task's worth of them.
class Walk {
 public:
  Walk(const WindowGrid& grid, std::int64_t row, std::int64_t y) : grid_(grid), row_(row), y_(y) {}

  /// Windows [begin, end): one by one at the borders, and together where all taps lie inside.
  template <typename Visit>
  void run(std::int64_t begin, std::int64_t end, Visit visit) {
    const WindowAxis& axis = grid_.horizontal;
    const std::int64_t width = grid_.width_of(row_);
    const std::int64_t inner_begin = (axis.before + axis.stride - 1) / axis.stride;
    const std::int64_t slack = width - 1 - axis.reach() + axis.before;
    const std::int64_t inner_end = slack < 0 ? 0 : slack / axis.stride + 1;
    for (std::int64_t x = begin; x < end;) {
      const bool is_inner = x >= inner_begin && x < inner_end;
      const std::int64_t count = is_inner ? std::min(end, inner_end) - x : 1;
      collect(x);
      visit(WindowRun{x, count, taps_, numbers_});
      x += count;
    }
  }

 private:
  /// The taps of window x that lie inside the grid.
  void collect(std::int64_t x) {
    taps_.clear();
    numbers_.clear();
    const WindowAxis &v = grid_.vertical, &h = grid_.horizontal;
    const std::int64_t top = y_ * v.stride - v.before, left = x * h.stride - h.before;
    const TapRange rows = taps_inside(v, top, grid_.height), columns = taps_inside(h, left, grid_.width_of(row_));
    for (std::int64_t i = rows.first; i < rows.last; ++i) {
      for (std::int64_t j = columns.first; j < columns.last; ++j) {
        taps_.push_back(grid_.at(row_, top + i * v.dilation, left + j * h.dilation));
        numbers_.push_back(i * h.kernel + j);
      }
    }
  }

  const WindowGrid& grid_;
  std::int64_t row_, y_;
  std::vector<const float*> taps_;
  std::vector<std::int64_t> numbers_;
};

std::int64_t blocks_per_line(const WindowGrid& grid) {
  return (grid.out_width() + kWindowBlock - 1) / kWindowBlock;
}
std::int64_t window_blocks(const WindowGrid& grid) {
  return grid.batch * grid.out_height() * blocks_per_line(grid);
}

void visit_block(const WindowGrid& grid, std::int64_t block, const RunLimits& limits, VisitWindows visit) {
  limits.check();
  const std::int64_t blocks = blocks_per_line(grid), line = block / blocks, first = block % blocks * kWindowBlock;
  const std::int64_t row = line / grid.out_height(), y = line % grid.out_height();
  Walk(grid, row, y).run(first, std::min(first + kWindowBlock, grid.out_width_of(row)), [&](const WindowRun& run) {
    visit(row, y, run);
  });
}

}  // namespace

void check_axis(std::string_view label, const WindowAxis& axis) {
  check_range(label, "kernel", axis.kernel, 1);
  check_range(label, "stride", axis.stride, 1);
  check_range(label, "dilation", axis.dilation, 1);
  check_range(label, "padding", axis.before, 0);
  check_range(label, "padding", axis.after, 0);
}

WindowsF32 WindowRun::for_kernel(const WindowGrid& grid) const {
  return {.positions = count,
          .channels = grid.channels,
          .taps = static_cast<std::int64_t>(taps.size()),
          .x = taps.data(),
          .step = grid.horizontal.stride * grid.channels};
}

void for_each_window(const WindowGrid& grid, const RunLimits& limits, VisitWindows visit) {
  parallel_for(window_blocks(grid), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) visit_block(grid, block, limits, visit);
  });
}

void walk_over_windows(const WindowGrid& grid, const RunLimits& limits, VisitWindows visit) {
  for (std::int64_t block = 0; block < window_blocks(grid); ++block) visit_block(grid, block, limits, visit);
}

void lay_out_window(const WindowGrid& grid, std::int64_t index, std::int64_t channel, std::int64_t channels,
                    float* to) {
  const WindowAxis &v = grid.vertical, &h = grid.horizontal;
  const std::int64_t columns = grid.out_width(), lines = grid.out_height();
  const std::int64_t row = index / columns / lines, width = grid.width_of(row);
  const std::int64_t top = index / columns % lines * v.stride - v.before, left = index % columns * h.stride - h.before;
  const bool is_run = h.dilation == 1 && channels == grid.channels;  // the taps of a line follow each other
  for (std::int64_t i = 0; i < v.kernel; ++i, to += h.kernel * channels) {
    const std::int64_t y = top + i * v.dilation;
    if (y < 0 || y >= grid.height) {
      std::fill_n(to, h.kernel * channels, 0.0f);
      continue;
    }
    if (is_run) {
      const std::int64_t begin = std::clamp(-left, std::int64_t{0}, h.kernel);
      const std::int64_t end = std::clamp(width - left, begin, h.kernel);
      std::fill_n(to, begin * channels, 0.0f);
      if (end > begin) std::copy_n(grid.at(row, y, left + begin), (end - begin) * channels, to + begin * channels);
      std::fill_n(to + end * channels, (h.kernel - end) * channels, 0.0f);
      continue;
    }
    for (std::int64_t j = 0; j < h.kernel; ++j) {
      const std::int64_t x = left + j * h.dilation;
      if (x < 0 || x >= width) {
        std::fill_n(to + j * channels, channels, 0.0f);
      } else {
        std::copy_n(grid.at(row, y, x) + channel, channels, to + j * channels);
      }
    }
  }
}

void zero_beyond_widths(const WindowGrid& grid, std::int64_t out_channels, float* y) {
  if (grid.widths == nullptr) return;
  const std::int64_t width = grid.out_width(), height = grid.out_height();
  for (std::int64_t line = 0; line < grid.batch * height; ++line) {
    const std::int64_t valid = grid.out_width_of(line / height);
    std::fill_n(y + (line * width + valid) * out_channels, (width - valid) * out_channels, 0.0f);
  }
}

}  // namespace pyseq
