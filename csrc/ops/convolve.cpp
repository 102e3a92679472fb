#include "ops/convolve.h"

#include <algorithm>
#include <cstring>

#include "base/packing.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/product.h"

namespace pyseq {
namespace {

/// Rows from which a product is worth its own call: fewer share one, so that the weight is read once for all of them.
constexpr std::int64_t kManyRows = 48;
/// Values of windows that are laid out at a time, and rows of them at least.
constexpr std::int64_t kWindowValues = std::int64_t{1} << 20;
constexpr std::int64_t kLeastRows = 192;
constexpr std::int64_t kCopiedValues = 1 << 14;  // of one task

std::int64_t out_channels(const Convolution& c) {
  return c.weight.size(0);
}

std::int64_t grain_of(std::int64_t values) {
  return std::max<std::int64_t>(1, kCopiedValues / std::max<std::int64_t>(1, values));
}

// ---- depthwise

bool is_depthwise(const Convolution& c) {
  return c.weight.size(1) == 1 && out_channels(c) == c.grid.channels && c.groups == c.grid.channels;
}

void convolve_depthwise(const Convolution& c, Arena& scratch, const RunLimits& limits) {
  const Tensor weight = c.weight.dtype() == DType::float32 ? c.weight : unpack_weight(c.weight);
  const float* panels = packed_or_pack(weight, 1, scratch);
  const std::int64_t taps = weight_depth(weight.shape()), width = c.grid.out_width(), channels = c.grid.channels;
  for_each_window(c.grid, limits, [&](std::int64_t row, std::int64_t y, const WindowRun& run) {
    const DepthwiseF32 args{.windows = run.for_kernel(c.grid),
                            .numbers = run.numbers.data(),
                            .weight = panels,
                            .all_taps = taps,
                            .bias = c.bias,
                            .activation = c.activation,
                            .y = c.y + ((row * c.grid.out_height() + y) * width + run.first) * channels};
    kernels().depthwise_f32(&args);
  });
}

// ---- products

Product product_of(const Convolution& c, Arena& scratch) {
  Product product{.n = out_channels(c),
                  .b = weight_panels(c.weight, 1, scratch),
                  .panel = kPanelColumns,
                  .c = c.y,
                  .ldc = out_channels(c)};
  product.epilogue.bias = c.bias;
  product.epilogue.activation = c.activation;
  return product;
}

/// One tap that moves by one place: the grid itself is the matrix of windows.
bool is_pointwise(const Convolution& c) {
  return c.groups == 1 && c.grid.widths == nullptr && c.grid.vertical.is_single() && c.grid.horizontal.is_single();
}

/// The windows of a sequence overlap in memory as they stand when its frames follow each other: row t of the matrix
/// starts `stride` frames behind row t - 1. With dilation d, d sequences of every d-th frame are convolved.
bool has_overlapping_windows(const Convolution& c) {
  const WindowAxis& axis = c.grid.horizontal;
  const bool is_line = c.groups == 1 && c.grid.height == 1 && c.grid.vertical.is_single();
  if (!is_line || (axis.dilation > 1 && axis.stride > 1)) return false;
  return c.grid.batch == 1 || c.grid.out_width() / axis.dilation >= kManyRows;
}

/// The frames of one sequence with their padding, every `dilation`-th together.
class PaddedLine {
 public:
  PaddedLine(const WindowGrid& grid, Arena& scratch)
      : grid_(grid),
        axis_(grid.horizontal),
        is_view_(axis_.before == 0 && axis_.after == 0 && axis_.dilation == 1),
        frames_(is_view_ ? nullptr : scratch.allocate<float>(padded(grid.width) * grid.channels)) {}

  void fill(std::int64_t row) {
    row_ = row;
    if (is_view_) return;
    const std::int64_t size = padded(grid_.width_of(row));
    for (std::int64_t phase = 0; phase < axis_.dilation; ++phase) {
      const std::int64_t first = places_before(phase, size);
      const std::int64_t count = places_before(phase + 1, size) - first;
      float* frames = frames_ + first * grid_.channels;
      parallel_for(count, grain_of(grid_.channels), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t j = begin; j < end; ++j) {
          copy_frame(j * axis_.dilation + phase - axis_.before, frames + j * grid_.channels);
        }
      });
    }
  }
  /// The first window of a phase; the next ones follow at stride * channels.
  const float* windows(std::int64_t phase) const {
    if (is_view_) return grid_.at(row_, 0, 0);
    return frames_ + places_before(phase, padded(grid_.width_of(row_))) * grid_.channels;
  }

 private:
  std::int64_t padded(std::int64_t width) const { return axis_.before + width + axis_.after; }
  /// Frames of the phases before this one.
  std::int64_t places_before(std::int64_t phase, std::int64_t size) const {
    return phase * (size / axis_.dilation) + std::min(phase, size % axis_.dilation);
  }
  void copy_frame(std::int64_t frame, float* to) const {
    if (frame >= 0 && frame < grid_.width_of(row_)) {
      std::memcpy(to, grid_.at(row_, 0, frame), static_cast<std::size_t>(grid_.channels) * sizeof(float));
    } else {
      std::fill_n(to, grid_.channels, 0.0f);
    }
  }

  const WindowGrid& grid_;
  const WindowAxis& axis_;
  bool is_view_;
  float* frames_;
  std::int64_t row_ = 0;
};

void convolve_lines(const Convolution& c, Arena& scratch, const RunLimits& limits) {
  const WindowAxis& axis = c.grid.horizontal;
  const Product whole = product_of(c, scratch);
  PaddedLine line(c.grid, scratch);
  Arena rows;  // of one product, when the weight's storage type wants others
  for (std::int64_t row = 0; row < c.grid.batch; ++row) {
    line.fill(row);
    const std::int64_t windows = c.grid.out_width_of(row);
    for (std::int64_t phase = 0; phase < std::min(axis.dilation, windows); ++phase) {
      Product product = whole;
      product.m = (windows - phase - 1) / axis.dilation + 1;
      product.c = c.y + (row * c.grid.out_width() + phase) * out_channels(c);
      product.ldc = axis.dilation * out_channels(c);
      parallel_multiply(product, line.windows(phase), axis.stride * c.grid.channels, rows, limits);
      rows.reset();
    }
  }
}

// ---- products of windows that are laid out

/// Windows [first, first + rows) times the weights of one group, to their columns of y. Panels may hold columns of the
/// neighbouring groups as well: then all columns are computed aside, and those of the group copied.
void multiply_group(const Convolution& c, const Product& whole, std::int64_t group, std::int64_t first,
                    std::int64_t rows, const float* matrix, float* aside, Arena& memory, const RunLimits& limits) {
  const std::int64_t out = out_channels(c), count = out / c.groups, begin = group * count, end = begin + count;
  const std::int64_t panels_begin = begin / kPanelColumns * kPanelColumns;
  const std::int64_t panels_end = std::min(out, (end + kPanelColumns - 1) / kPanelColumns * kPanelColumns);
  const std::int64_t columns = panels_end - panels_begin;
  const bool is_aside = columns != count;
  Product product = part(whole, 0, rows, panels_begin, columns);
  product.c = is_aside ? aside : c.y + first * out + begin;
  product.ldc = is_aside ? columns : out;
  parallel_multiply(product, matrix, whole.b.in, memory, limits);
  memory.reset();
  if (!is_aside) return;
  parallel_for(rows, grain_of(count), [&](std::int64_t row, std::int64_t last) {
    for (; row < last; ++row) {
      std::copy_n(aside + row * columns + begin - panels_begin, count, c.y + (first + row) * out + begin);
    }
  });
}

void convolve_windows(const Convolution& c, Arena& scratch, const RunLimits& limits) {
  const std::int64_t total = c.grid.batch * c.grid.out_height() * c.grid.out_width();
  const std::int64_t channels = c.grid.channels / c.groups;
  const Product whole = product_of(c, scratch);
  const std::int64_t depth = whole.b.in;
  const std::int64_t block = std::min(total, std::max(kLeastRows, kWindowValues / std::max<std::int64_t>(1, depth)));
  float* matrix = scratch.allocate<float>(block * depth);
  float* aside = c.groups == 1 ? nullptr : scratch.allocate<float>(block * out_channels(c));
  Arena memory;
  for (std::int64_t first = 0; first < total; first += block) {
    const std::int64_t rows = std::min(block, total - first);
    for (std::int64_t group = 0; group < c.groups; ++group) {
      parallel_for(rows, grain_of(depth), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
          lay_out_window(c.grid, first + r, group * channels, channels, matrix + r * depth);
        }
      });
      multiply_group(c, whole, group, first, rows, matrix, aside, memory, limits);
    }
  }
}

}  // namespace

void convolve(const Convolution& c, Arena& scratch, const RunLimits& limits) {
  if (c.grid.batch * c.grid.out_height() * c.grid.out_width() * out_channels(c) == 0) return;
  if (is_depthwise(c)) {
    convolve_depthwise(c, scratch, limits);
  } else if (is_pointwise(c)) {
    Product product = product_of(c, scratch);
    product.m = c.grid.batch * c.grid.height * c.grid.width;
    parallel_multiply(product, c.grid.x, c.grid.channels, scratch, limits);
  } else if (has_overlapping_windows(c)) {
    convolve_lines(c, scratch, limits);
  } else {
    convolve_windows(c, scratch, limits);
  }
  zero_beyond_widths(c.grid, out_channels(c), c.y);
}

}  // namespace pyseq
