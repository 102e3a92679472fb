#include "ops/attend.h"

#include <algorithm>

#include "base/arena.h"
#include "kernels/dispatch.h"
#include "ops/gemm.h"

namespace pyseq {
namespace {

/// Queries per task: enough to reuse the keys that were loaded, few enough for many tasks.
constexpr std::int64_t kQueryBlock = 64;

/// What one chunk of tasks works with; made once per chunk.
struct Workspace {
  std::vector<const float*> key_panels, value_blocks;
  std::shared_ptr<void> scratch;
};

AttentionF32 query_block(const HeadedAttention& whole, std::int64_t row, std::int64_t head, std::int64_t query,
                         const Workspace& workspace) {
  const std::int64_t key_width = whole.heads * whole.head_dim, value_width = whole.heads * whole.value_dim;
  const std::int64_t first = row * whole.queries + query;  // among all queries of the batch
  float* weights = nullptr;
  if (whole.weights != nullptr) {
    weights = whole.weights + ((row * whole.heads + head) * whole.queries + query) * whole.weights_count;
  }
  return {.rows = std::min(kQueryBlock, whole.queries - query),
          .head_dim = whole.head_dim,
          .value_dim = whole.value_dim,
          .q = whole.query + first * key_width + head * whole.head_dim,
          .q_stride = key_width,
          .key_panels = workspace.key_panels.data(),
          .value_blocks = workspace.value_blocks.data(),
          .value_stride = whole.value_stride,
          .key_counts = whole.key_counts + first,
          .scale = whole.scale,
          .out = whole.y + first * value_width + head * whole.value_dim,
          .out_stride = value_width,
          .weights = weights,
          .weights_stride = whole.weights_count,
          .weights_count = whole.weights_count,
          .scratch = static_cast<float*>(workspace.scratch.get())};
}

std::int64_t most_keys(const HeadedAttention& attention) {
  const std::int64_t* counts = attention.key_counts;
  return *std::max_element(counts, counts + attention.batch * attention.queries);
}

}  // namespace

void attend(const HeadedAttention& attention, FindBlocks find_blocks, const RunLimits& limits) {
  if (attention.batch * attention.queries == 0) return;
  const std::int64_t blocks = (attention.queries + kQueryBlock - 1) / kQueryBlock;
  const std::int64_t rows = std::min(attention.queries, kQueryBlock);
  const auto task_work = static_cast<double>(rows * (attention.head_dim + attention.value_dim)) *
                         static_cast<double>(most_keys(attention) + 1);
  const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(kParallelWork / task_work));
  const auto scratch_bytes =
      static_cast<std::size_t>(attention_scratch_size(rows, attention.value_dim)) * sizeof(float);

  // Blocks of queries are the inner loop: neighbouring tasks read the same keys and values.
  parallel_for(attention.batch * attention.heads * blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    Workspace workspace;
    workspace.scratch = MemoryPool::allocate(scratch_bytes);
    for (std::int64_t task = begin; task < end; ++task) {
      limits.check();
      const std::int64_t block = task % blocks, head = task / blocks % attention.heads;
      const std::int64_t row = task / blocks / attention.heads;
      if (task == begin || block == 0) find_blocks(row, head, workspace.key_panels, workspace.value_blocks);
      const AttentionF32 args = query_block(attention, row, head, block * kQueryBlock, workspace);
      kernels().attention_f32(&args);
    }
  });
}

}  // namespace pyseq
