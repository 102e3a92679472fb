#include "ops/gemm.h"

#include <algorithm>

#include "base/threads.h"
#include "kernels/dispatch.h"

namespace pyseq {
namespace {

/// A multiple of the 12 rows that a kernel holds in registers, and few enough for their inputs to stay in the cache.
constexpr std::int64_t kRowBlock = 96;
/// Few rows need several panels at a time to hide the latency of memory.
constexpr std::int64_t kPanelGroup = 8;

std::int64_t blocks_of(std::int64_t size, std::int64_t block) {
  return (size + block - 1) / block;
}

/// Panels per task: enough work for a task, at most kPanelGroup; always that many where rows are few.
std::int64_t panels_per_task(const GemmF32& product) {
  if (product.m < 12) return kPanelGroup;
  const std::int64_t rows = std::min(product.m, kRowBlock);
  const double panel_work = static_cast<double>(rows * product.panel) * static_cast<double>(product.k + 1);
  return std::clamp(static_cast<std::int64_t>(kParallelWork / panel_work), std::int64_t{1}, kPanelGroup);
}

/// The part of the product at rows [row, row + rows) and columns [column, column + columns), whole panels.
GemmF32 part(const GemmF32& whole, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
  GemmF32 task = whole;
  task.m = rows;
  task.n = columns;
  task.a += row * whole.lda;
  task.b += column * whole.k;
  if (whole.epilogue.bias != nullptr) task.epilogue.bias += column;
  task.c += row * whole.ldc + column;
  return task;
}

}  // namespace

void parallel_gemm(const GemmF32& product, const RunLimits& limits) {
  if (product.m == 0 || product.n == 0) return;
  const std::int64_t group = panels_per_task(product) * product.panel;
  const std::int64_t row_blocks = blocks_of(product.m, kRowBlock), groups = blocks_of(product.n, group);
  const double task_work = static_cast<double>(std::min(product.m, kRowBlock) * std::min(product.n, group)) *
                           static_cast<double>(product.k + 1);
  const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(kParallelWork / task_work));
  // Rows are the inner loop: neighbouring tasks read the same panels.
  parallel_for(row_blocks * groups, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      limits.check();
      const std::int64_t row = task % row_blocks * kRowBlock, column = task / row_blocks * group;
      const GemmF32 block =
          part(product, row, std::min(kRowBlock, product.m - row), column, std::min(group, product.n - column));
      kernels().gemm_f32(&block);
    }
  });
}

}  // namespace pyseq
