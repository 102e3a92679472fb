#include "ops/convolution_gradient.h"

#include <algorithm>
#include <vector>

#include "base/packing.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/unpacked_gemm.h"

namespace pyseq {
namespace {

/// Values of windows that are laid out at a time, and rows of them at least.
constexpr std::int64_t kWindowValues = std::int64_t{1} << 20;
constexpr std::int64_t kLeastRows = 192;
constexpr std::int64_t kGatheredValues = 1 << 14;  // of one task
constexpr std::int64_t kChannelBlock = 32;         // of one task of a depthwise weight

std::int64_t out_channels(const ConvolutionGradient& c) {
  return c.weight.size(0);
}
std::int64_t taps_of(const WindowGrid& grid) {
  return grid.vertical.kernel * grid.horizontal.kernel;
}

/// dweight [out, in, taps] from the order of products, [out, taps, in].
void values_before_taps(const float* matrix, std::int64_t out, std::int64_t taps, std::int64_t in, float* weight) {
  for (std::int64_t o = 0; o < out; ++o) {
    const TransposeF32 transpose{taps, in, matrix + o * taps * in, in, weight + o * taps * in, taps};
    kernels().transpose_f32(&transpose);
  }
}

/// The window along one axis that sees `place` with its tap `tap`, or -1.
std::int64_t window_at(const WindowAxis& axis, std::int64_t place, std::int64_t tap, std::int64_t windows) {
  const std::int64_t start = place + axis.before - tap * axis.dilation;
  return start >= 0 && start % axis.stride == 0 && start / axis.stride < windows ? start / axis.stride : -1;
}

/// Calls visit(tap, window) for all windows that see a place, taps ascending.
template <typename Visit>
void for_each_tap_at(const WindowGrid& grid, std::int64_t row, std::int64_t y, std::int64_t x, Visit visit) {
  const WindowAxis &v = grid.vertical, &h = grid.horizontal;
  const std::int64_t height = grid.out_height(), width = grid.out_width(), valid = grid.out_width_of(row);
  for (std::int64_t i = 0; i < v.kernel; ++i) {
    const std::int64_t line = window_at(v, y, i, height);
    if (line < 0) continue;
    for (std::int64_t j = 0; j < h.kernel; ++j) {
      const std::int64_t column = window_at(h, x, j, valid);
      if (column >= 0) visit(i * h.kernel + j, (row * height + line) * width + column);
    }
  }
}

/// Calls visit(row, y, x) for all places of rows [first, last) of the batch, in parallel.
template <typename Visit>
void for_each_place(const WindowGrid& grid, std::int64_t first, std::int64_t last, std::int64_t values, Visit visit) {
  const std::int64_t places = grid.height * grid.width;
  parallel_for((last - first) * places, kGatheredValues / (values + 1) + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = first + i / places, x = i % grid.width;
      if (x < grid.width_of(row)) visit(row, i % places / grid.width, x);
    }
  });
}

// ---- products

/// Gradients of one group's part of a block of windows, `matrix` [rows, taps * channels], added to dx.
void gather_windows(const ConvolutionGradient& c, std::int64_t group, std::int64_t first, std::int64_t rows,
                    const float* matrix) {
  const WindowGrid& grid = c.grid;
  const std::int64_t channels = grid.channels / c.groups, depth = taps_of(grid) * channels;
  const std::int64_t per_row = grid.out_height() * grid.out_width();
  for_each_place(grid, first / per_row, (first + rows - 1) / per_row + 1, depth,
                 [&](std::int64_t row, std::int64_t y, std::int64_t x) {
                   float* to = c.dx + (grid.at(row, y, x) - grid.x) + group * channels;
                   for_each_tap_at(grid, row, y, x, [&](std::int64_t tap, std::int64_t window) {
                     if (window < first || window >= first + rows) return;
                     const float* from = matrix + (window - first) * depth + tap * channels;
                     const BinaryF32 sum{.n = channels, .period = channels, .a = to, .b = from, .y = to};
                     kernels().add_f32(&sum);
                   });
                 });
}

/// Windows block by block, group by group.
class WindowProducts {
 public:
  WindowProducts(const ConvolutionGradient& c, Arena& scratch)
      : c_(c),
        out_(out_channels(c) / c.groups),
        channels_(c.grid.channels / c.groups),
        depth_(taps_of(c.grid) * channels_),
        total_(c.grid.batch * c.grid.out_height() * c.grid.out_width()),
        block_(std::min(total_, std::max(kLeastRows, kWindowValues / std::max<std::int64_t>(1, depth_)))),
        matrix_(scratch.allocate<float>(block_ * depth_)) {
    const std::int64_t size = c.weight.num_elements();
    if (c.dx != nullptr)
      taps_before_values(c.weight.data<float>(), c.weight.shape(), weight_ = scratch.allocate<float>(size));
    if (c.dweight == nullptr) return;
    for (float*& sums : sums_) sums = scratch.allocate<float>(size);
  }

  void run(const RunLimits& limits) {
    for (std::int64_t first = 0; first < total_; first += block_) {
      const std::int64_t rows = std::min(block_, total_ - first);
      for (std::int64_t group = 0; group < c_.groups; ++group) {
        if (c_.dweight != nullptr) add_to_weight(group, first, rows, limits);
        if (c_.dx != nullptr) add_to_x(group, first, rows, limits);
      }
      std::swap(sums_[0], sums_[1]);
    }
    if (c_.dweight != nullptr) {
      values_before_taps(sums_[0], out_channels(c_), taps_of(c_.grid), channels_, c_.dweight);
    }
  }

 private:
  GemmOperand dz_of(std::int64_t group, std::int64_t first, bool transposed) const {
    return {c_.dz + first * out_channels(c_) + group * out_, out_channels(c_), transposed};
  }

  /// dz^T windows joins the sums of the blocks before it.
  void add_to_weight(std::int64_t group, std::int64_t first, std::int64_t rows, const RunLimits& limits) {
    parallel_for(rows, kGatheredValues / (depth_ + 1) + 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        lay_out_window(c_.grid, first + r, group * channels_, channels_, matrix_ + r * depth_);
      }
    });
    const std::int64_t at = group * out_ * depth_;
    const bool is_first = first == 0;
    unpacked_gemm({.m = out_,
                   .n = depth_,
                   .k = rows,
                   .a = dz_of(group, first, true),
                   .b = {matrix_, depth_},
                   .epilogue = {.residual = is_first ? nullptr : sums_[0] + at, .residual_stride = depth_},
                   .c = sums_[1] + at,
                   .ldc = depth_},
                  limits);
  }

  void add_to_x(std::int64_t group, std::int64_t first, std::int64_t rows, const RunLimits& limits) {
    unpacked_gemm({.m = rows,
                   .n = depth_,
                   .k = out_,
                   .a = dz_of(group, first, false),
                   .b = {weight_ + group * out_ * depth_, depth_},
                   .c = matrix_,
                   .ldc = depth_},
                  limits);
    gather_windows(c_, group, first, rows, matrix_);
  }

  const ConvolutionGradient& c_;
  std::int64_t out_, channels_, depth_;  // of one group
  std::int64_t total_, block_;
  float* matrix_;
  float* weight_ = nullptr;  // [out, taps, channels]
  float* sums_[2] = {};      // of dweight, likewise: of the blocks so far, and with the next one
};

// ---- depthwise

/// Every place adds up its taps: a depthwise window over dz.
void depthwise_x(const ConvolutionGradient& c, Arena& scratch) {
  const float* panels = packed_or_pack(c.weight, 1, scratch);
  const std::int64_t channels = c.grid.channels, taps = taps_of(c.grid);
  for_each_place(c.grid, 0, c.grid.batch, channels * taps, [&](std::int64_t row, std::int64_t y, std::int64_t x) {
    thread_local std::vector<const float*> windows;
    thread_local std::vector<std::int64_t> numbers;
    windows.clear();
    numbers.clear();
    for_each_tap_at(c.grid, row, y, x, [&](std::int64_t tap, std::int64_t window) {
      windows.push_back(c.dz + window * channels);
      numbers.push_back(tap);
    });
    const DepthwiseF32 args{.windows = {.positions = 1,
                                        .channels = channels,
                                        .taps = static_cast<std::int64_t>(windows.size()),
                                        .x = windows.data(),
                                        .step = 0},
                            .numbers = numbers.data(),
                            .weight = panels,
                            .all_taps = taps,
                            .bias = nullptr,
                            .activation = Activation::none,
                            .y = c.dx + (c.grid.at(row, y, x) - c.grid.x)};
    kernels().depthwise_f32(&args);
  });
}

/// A task owns some channels and walks over all windows.
void depthwise_weight(const ConvolutionGradient& c, Arena& scratch, const RunLimits& limits) {
  const std::int64_t channels = c.grid.channels, taps = taps_of(c.grid), width = c.grid.out_width();
  float* sums = scratch.allocate<float>(channels * taps);  // [taps, channels]
  std::fill_n(sums, channels * taps, 0.0F);
  parallel_for((channels + kChannelBlock - 1) / kChannelBlock, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t channel = block * kChannelBlock;
      walk_over_windows(c.grid, limits, [&](std::int64_t row, std::int64_t y, const WindowRun& run) {
        const std::int64_t first = (row * c.grid.out_height() + y) * width + run.first;
        const DepthwiseGradientF32 args{.windows = run.for_kernel(c.grid),
                                        .first_channel = channel,
                                        .last_channel = std::min(channel + kChannelBlock, channels),
                                        .numbers = run.numbers.data(),
                                        .dy = c.dz + first * channels,
                                        .dweight = sums};
        kernels().depthwise_gradient_f32(&args);
      });
    }
  });
  const TransposeF32 transpose{taps, channels, sums, channels, c.dweight, taps};
  kernels().transpose_f32(&transpose);
}

}  // namespace

void convolution_gradient(const ConvolutionGradient& c, Arena& scratch, const RunLimits& limits) {
  const WindowGrid& grid = c.grid;
  const bool is_depthwise = c.weight.size(1) == 1 && c.groups == grid.channels && out_channels(c) == grid.channels;
  const bool is_empty = grid.batch * grid.out_height() * grid.out_width() * out_channels(c) * grid.channels == 0;
  if (c.dx != nullptr) std::fill_n(c.dx, grid.batch * grid.height * grid.width * grid.channels, 0.0F);
  if (is_empty) {
    if (c.dweight != nullptr) std::fill_n(c.dweight, c.weight.num_elements(), 0.0F);
  } else if (is_depthwise) {
    if (c.dx != nullptr) depthwise_x(c, scratch);
    if (c.dweight != nullptr) depthwise_weight(c, scratch, limits);
  } else {
    WindowProducts(c, scratch).run(limits);
  }
}

}  // namespace pyseq
