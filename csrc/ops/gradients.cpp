#include "ops/gradients.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/threads.h"
#include "kernels/dispatch.h"

namespace pyseq {
namespace {

constexpr std::int64_t kRowsPerPart = 256;      // where sums over rows are cut
constexpr std::int64_t kColumnsPerBlock = 256;  // what one task adds up
constexpr std::int64_t kActivationGrain = 4096;
constexpr std::int64_t kIdsPerChunk = 64;
constexpr std::int64_t kScaledValues = 16384;  // of one chunk

void sum_block(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t columns, float* y) {
  const ReduceF32 block{.size = rows, .columns = columns, .stride = stride, .x = x, .y = y};
  kernels().sum_columns_f32(&block);
}

/// The positions of every id: those of id i are order[starts[i]] ... order[starts[i + 1] - 1], ascending.
struct PositionsById {
  std::vector<std::int64_t> starts, order;

  PositionsById(std::span<const std::int64_t> ids, std::int64_t count)
      : starts(static_cast<std::size_t>(count) + 1), order(ids.size()) {
    for (const std::int64_t id : ids) ++starts[static_cast<std::size_t>(id) + 1];
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    std::vector<std::int64_t> next(starts.begin(), starts.end() - 1);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      order[static_cast<std::size_t>(next[static_cast<std::size_t>(ids[i])]++)] = static_cast<std::int64_t>(i);
    }
  }
};

}  // namespace

void sum_rows(const float* x, std::int64_t rows, std::int64_t columns, float* y, Arena& scratch) {
  if (rows == 0) return std::fill_n(y, columns, 0.0F), void();
  if (columns == 0) return;
  const std::int64_t parts = (rows + kRowsPerPart - 1) / kRowsPerPart;
  const std::int64_t blocks = (columns + kColumnsPerBlock - 1) / kColumnsPerBlock;
  float* sums = parts == 1 ? y : scratch.allocate<float>(parts * columns);
  parallel_for(parts * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t part = task / blocks, column = task % blocks * kColumnsPerBlock;
      const std::int64_t row = part * kRowsPerPart;
      sum_block(x + row * columns + column, columns, std::min(kRowsPerPart, rows - row),
                std::min(kColumnsPerBlock, columns - column), sums + part * columns + column);
    }
  });
  if (parts > 1) sum_block(sums, columns, parts, columns, y);
}

void sum_rows_by_id(const float* x, std::span<const std::int64_t> ids, std::int64_t count, std::int64_t width,
                    float* rows_out) {
  const PositionsById positions(ids, count);
  parallel_for(count, kIdsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t id = begin; id < end; ++id) {
      float* row = rows_out + id * width;
      std::fill_n(row, width, 0.0F);
      for (std::int64_t at = positions.starts[id]; at < positions.starts[id + 1]; ++at) {
        const BinaryF32 sum{.n = width, .period = width, .a = row, .b = x + positions.order[at] * width, .y = row};
        kernels().add_f32(&sum);
      }
    }
  });
}

void scale_rows(const Tensor& x, const Tensor& scales, Tensor& y) {
  const std::int64_t rows = scales.num_elements(), columns = rows == 0 ? 0 : x.num_elements() / rows;
  const float* values = x.data<float>();
  const float* scale = scales.data<float>();
  float* out = y.mutable_data<float>();
  parallel_for(rows, kScaledValues / (columns + 1) + 1, [&](std::int64_t begin, std::int64_t end) {
    const ScaleRowsF32 block{.rows = end - begin,
                             .columns = columns,
                             .x = values + begin * columns,
                             .scales = scale + begin,
                             .y = out + begin * columns};
    kernels().scale_rows_f32(&block);
  });
}

bool has_gradient_from_output(Activation activation) {
  return activation == Activation::relu || activation == Activation::tanh || activation == Activation::sigmoid;
}

void activation_gradient(Activation activation, bool from_output, const Tensor& values, const Tensor& dy, Tensor& dz) {
  const float* value = values.data<float>();
  const float* gradient = dy.data<float>();
  float* out = dz.mutable_data<float>();
  parallel_for(dy.num_elements(), kActivationGrain, [&](std::int64_t begin, std::int64_t end) {
    const ActivationGradientF32 block{.n = end - begin,
                                      .values = value + begin,
                                      .dy = gradient + begin,
                                      .activation = activation,
                                      .from_output = from_output,
                                      .dx = out + begin};
    kernels().activation_gradient_f32(&block);
  });
}

}  // namespace pyseq
