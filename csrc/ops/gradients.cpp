#include "ops/gradients.h"

#include <algorithm>

#include "base/threads.h"
#include "kernels/dispatch.h"

namespace pyseq {
namespace {

constexpr std::int64_t kRowsPerPart = 256;      // where sums over rows are cut
constexpr std::int64_t kColumnsPerBlock = 256;  // what one task adds up
constexpr std::int64_t kActivationGrain = 4096;

void sum_block(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t columns, float* y) {
  const ReduceF32 block{.size = rows, .columns = columns, .stride = stride, .x = x, .y = y};
  kernels().sum_columns_f32(&block);
}

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
