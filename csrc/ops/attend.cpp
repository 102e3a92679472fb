#include "ops/attend.h"

#include <algorithm>

#include "base/arena.h"
#include "kernels/dispatch.h"
#include "ops/product.h"

namespace pyseq {
namespace {

/// Queries per task: whole tiles of every tier, and few enough for many tasks.
constexpr std::int64_t kQueryBlock = 48;

/// What one chunk of tasks works with; made once per chunk.
struct Workspace {
  std::vector<KeyPart> parts;
  std::shared_ptr<void> scratch;
};

/// How the work is cut: a task is a block of queries of one head, or the one query of all heads that share keys.
struct Cut {
  std::int64_t heads_together, blocks;
};

/// Queries that a task computes, all of one row.
struct QueryBlock {
  std::int64_t row, query;
};

std::int64_t first_query(const HeadedAttention& whole, std::int64_t row) {
  return whole.rows == nullptr ? row * whole.queries : whole.rows->first(row);
}
std::int64_t count_queries(const HeadedAttention& whole, std::int64_t row) {
  return whole.rows == nullptr ? whole.queries : whole.rows->count(row);
}
std::int64_t total_queries(const HeadedAttention& whole) {
  return whole.rows == nullptr ? whole.batch * whole.queries : whole.rows->total();
}

/// The blocks of packed queries; rows have as many as their own length asks for.
std::vector<QueryBlock> packed_blocks(const HeadedAttention& whole) {
  std::vector<QueryBlock> blocks;
  for (std::int64_t row = 0; row < whole.batch; ++row) {
    for (std::int64_t query = 0; query < whole.rows->count(row); query += kQueryBlock) blocks.push_back({row, query});
  }
  return blocks;
}

Cut cut_of(const HeadedAttention& whole) {
  const bool together = whole.queries == 1 && whole.weights == nullptr;
  return {.heads_together = together ? whole.heads / whole.kv_heads : 1,
          .blocks = (whole.queries + kQueryBlock - 1) / kQueryBlock};
}

/// Where the weights of a head go, or null when they are not wanted.
float* weights_of(const HeadedAttention& whole, std::int64_t row, std::int64_t head, std::int64_t query) {
  if (whole.weights == nullptr) return nullptr;
  std::int64_t slot = head, slots = whole.heads;
  if (!whole.weight_heads.empty()) {
    const auto found = std::find(whole.weight_heads.begin(), whole.weight_heads.end(), head);
    if (found == whole.weight_heads.end()) return nullptr;
    slot = found - whole.weight_heads.begin();
    slots = static_cast<std::int64_t>(whole.weight_heads.size());
  }
  return whole.weights + ((row * slots + slot) * whole.queries + query) * whole.weights_count;
}

/// Rows of the kernel: queries from `query` on of one head, or one query of `together` heads from `head` on.
AttentionRun query_block(const HeadedAttention& whole, std::int64_t row, std::int64_t head, std::int64_t together,
                         std::int64_t query, const Workspace& workspace) {
  const std::int64_t key_width = whole.heads * whole.head_dim, value_width = whole.heads * whole.value_dim;
  const std::int64_t first = first_query(whole, row) + query;  // among all queries of the batch
  const bool of_heads = together > 1;
  const AttentionBias& bias = whole.bias;
  const float* bias_values = bias.values;
  if (bias_values != nullptr) {
    bias_values += row * bias.batch_stride + head * bias.head_stride + query * bias.query_stride;
    if (bias.row_shifts != nullptr) bias_values -= bias.row_shifts[row];
  }
  return {.storage = whole.storage,
          .rows = of_heads ? together : std::min(kQueryBlock, count_queries(whole, row) - query),
          .head_dim = whole.head_dim,
          .value_dim = whole.value_dim,
          .q = whole.query + first * key_width + head * whole.head_dim,
          .q_stride = of_heads ? whole.head_dim : key_width,
          .parts = workspace.parts.data(),
          .part_count = static_cast<std::int64_t>(workspace.parts.size()),
          .value_stride = whole.value_stride,
          .key_begins = whole.key_begins == nullptr ? nullptr : whole.key_begins + first,
          .key_ends = whole.key_ends + first,
          .range_stride = of_heads ? 0 : 1,
          .scale = whole.scale,
          .bias = bias_values,
          .bias_stride = of_heads ? bias.head_stride : bias.query_stride,
          .slopes = whole.slopes == nullptr ? nullptr : whole.slopes + head,
          .slope_stride = of_heads ? 1 : 0,
          .out = whole.y + first * value_width + head * whole.value_dim,
          .out_stride = of_heads ? whole.value_dim : value_width,
          .weights = weights_of(whole, row, head, query),
          .weights_stride = whole.weights_count,
          .weights_count = whole.weights_count,
          .logsumexp = whole.logsumexp == nullptr
                           ? nullptr
                           : whole.logsumexp + (row * whole.heads + head) * whole.queries + query,
          .scratch = static_cast<float*>(workspace.scratch.get())};
}

std::int64_t most_keys(const HeadedAttention& attention) {
  const std::int64_t* ends = attention.key_ends;
  return *std::max_element(ends, ends + total_queries(attention));
}

}  // namespace

void attend(const HeadedAttention& attention, FindParts find_parts, const RunLimits& limits) {
  if (total_queries(attention) == 0) return;
  const Cut cut = cut_of(attention);
  const std::int64_t rows = cut.heads_together * std::min(attention.queries, kQueryBlock);
  const auto task_work = static_cast<double>(rows * (attention.head_dim + attention.value_dim)) *
                         static_cast<double>(most_keys(attention) + 1);
  const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(kParallelWork / task_work));
  const auto scratch_bytes =
      static_cast<std::size_t>(attention_scratch_size(attention.head_dim, attention.value_dim)) * sizeof(float);
  const std::vector<QueryBlock> packed =
      attention.rows == nullptr ? std::vector<QueryBlock>() : packed_blocks(attention);
  const std::int64_t groups = attention.heads / cut.heads_together;
  const std::int64_t per_head =
      attention.rows == nullptr ? attention.batch * cut.blocks : static_cast<std::int64_t>(packed.size());
  const std::int64_t heads_per_key = attention.heads / attention.kv_heads;

  // Neighbouring tasks read the same keys and values: blocks of queries, and rows that share what they hold.
  parallel_for(groups * per_head, grain, [&](std::int64_t begin, std::int64_t end) {
    Workspace workspace;
    workspace.scratch = MemoryPool::allocate(scratch_bytes);
    for (std::int64_t task = begin; task < end; ++task) {
      limits.check();
      const std::int64_t head = task / per_head * cut.heads_together, number = task % per_head;
      const QueryBlock block = attention.rows == nullptr
                                   ? QueryBlock{number / cut.blocks, number % cut.blocks * kQueryBlock}
                                   : packed[static_cast<std::size_t>(number)];
      if (task == begin || block.query == 0) find_parts(block.row, head / heads_per_key, workspace.parts);
      const AttentionRun args = query_block(attention, block.row, head, cut.heads_together, block.query, workspace);
      kernels().attention(&args);
    }
  });
}

}  // namespace pyseq
