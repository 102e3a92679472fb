#include "ops/attention_gradient.h"

#include <algorithm>

#include "base/packing.h"
#include "kernels/dispatch.h"
#include "ops/gradients.h"
#include "ops/product.h"

namespace pyseq {
namespace {

/// Queries that are worked on together: whole tiles of every tier. Three matrices of so many scores stay in a core's
/// own cache.
constexpr std::int64_t kQueries = 96;
constexpr std::int64_t kKeys = kAttentionGradientKeys;

/// One head of one row of the batch, and of the source that it reads.
struct Head {
  std::int64_t row, head, source, kv_head;
};

/// Queries [begin, begin + count) of a head, and the keys [first_key, last_key) that some of them see.
struct QueryBlock {
  std::int64_t begin, count, first_key, last_key;
};

std::int64_t panel_values(std::int64_t depth, std::int64_t columns) {
  return depth * ((columns + kPanelColumns - 1) / kPanelColumns * kPanelColumns);
}

/// c (+)= a b, row-major a and packed b, on the calling thread.
struct Block {
  const float* values;
  std::int64_t stride;
};
void multiply_block(std::int64_t m, std::int64_t n, std::int64_t k, Block a, const float* panels, float* c,
                    std::int64_t ldc, bool accumulate) {
  const GemmF32 gemm{.m = m,
                     .n = n,
                     .k = k,
                     .a = a.values,
                     .lda = a.stride,
                     .b = panels,
                     .panel = kPanelColumns,
                     .epilogue = {},
                     .c = c,
                     .ldc = ldc,
                     .accumulate = accumulate};
  kernels().gemm_f32(&gemm);
}

/// b [k, n] (or with `transposed` [n, k]) -> panels
void pack_block(std::int64_t k, std::int64_t n, Block b, bool transposed, float* panels) {
  const PackF32 pack{k, n, b.values, b.stride, transposed, panels};
  kernels().pack_f32(&pack);
}

/// What one thread works in, and one block of queries with one block of keys.
class Worker {
 public:
  explicit Worker(const AttentionGradient& all)
      : all_(all),
        key_panels_(panel_values(all.head_dim, kKeys)),
        value_panels_(panel_values(all.value_dim, kKeys)),
        query_rows_(panel_values(kQueries, all.head_dim)),
        dy_rows_(panel_values(kQueries, all.value_dim)),
        key_rows_(panel_values(kKeys, all.head_dim)),
        memory_(MemoryPool::allocate(static_cast<std::size_t>(3 * kScores + kQueries + key_panels_ + value_panels_ +
                                                              query_rows_ + dy_rows_ + key_rows_) *
                                     sizeof(float))) {}

  /// Adds what the queries and keys of one head give to dquery, dkey and dvalue; `dslope` (or null) grows.
  void add_head(const Head& head, float* dslope, const RunLimits& limits) {
    for (std::int64_t begin = 0; begin < all_.queries; begin += kQueries) {
      limits.check();
      const QueryBlock block = block_of(head, begin);
      start_queries(head, block, true);
      for (std::int64_t key = block.first_key; key < block.last_key; key += kKeys) {
        const std::int64_t count = std::min(kKeys, block.last_key - key);
        make_scores(head, block, key, count, nullptr, 0, dslope);
        if (all_.dquery != nullptr) add_to_query(head, block, key, count);
        if (all_.dvalue != nullptr) {
          add_to_keys(block, count, scores(), dy_panels(), all_.value_dim,
                      at_key(all_.dvalue, head, key, all_.value_dim), all_.kv_heads * all_.value_dim);
        }
        if (all_.dkey != nullptr) {
          add_to_keys(block, count, gradients(), query_panels(), all_.head_dim,
                      at_key(all_.dkey, head, key, all_.head_dim), all_.kv_heads * all_.head_dim);
        }
      }
    }
  }

  /// Adds the gradients of the scores of the queries from `begin` on to rows of dbias.
  void add_bias(const Head& head, std::int64_t begin, float* dbias) {
    const QueryBlock block = block_of(head, begin);
    start_queries(head, block, false);
    for (std::int64_t key = block.first_key; key < block.last_key; key += kKeys) {
      make_scores(head, block, key, std::min(kKeys, block.last_key - key), dbias + key, all_.keys, nullptr);
    }
  }

 private:
  static constexpr std::int64_t kScores = kQueries * kKeys;
  float* memory() { return static_cast<float*>(memory_.get()); }
  float* scores() { return memory(); }
  float* gradients() { return memory() + kScores; }
  float* transposed() { return memory() + 2 * kScores; }
  float* delta() { return memory() + 3 * kScores; }
  float* key_panels() { return delta() + kQueries; }
  float* value_panels() { return key_panels() + key_panels_; }
  float* query_panels() { return value_panels() + value_panels_; }
  float* dy_panels() { return query_panels() + query_rows_; }
  float* key_row_panels() { return dy_panels() + dy_rows_; }

  /// Of the first query of a block, or of a key, in a tensor whose heads are `width` wide.
  template <typename T>
  T* at_query(T* values, const Head& head, const QueryBlock& block, std::int64_t width) const {
    return values + ((head.row * all_.queries + block.begin) * all_.heads + head.head) * width;
  }
  template <typename T>
  T* at_key(T* values, const Head& head, std::int64_t key, std::int64_t width) const {
    return values + ((head.source * all_.keys + key) * all_.kv_heads + head.kv_head) * width;
  }

  QueryBlock block_of(const Head& head, std::int64_t begin) const {
    QueryBlock block{begin, std::min(kQueries, all_.queries - begin), all_.keys, 0};
    const std::int64_t first = head.row * all_.queries + begin;
    for (std::int64_t i = first; i < first + block.count; ++i) {
      block.first_key = std::min(block.first_key, all_.key_begins == nullptr ? 0 : all_.key_begins[i]);
      block.last_key = std::max(block.last_key, all_.key_ends[i]);
    }
    return block;
  }

  /// delta, and for products with the keys' gradients the rows of query and dy in panels.
  void start_queries(const Head& head, const QueryBlock& block, bool packs) {
    const std::int64_t dy_stride = all_.heads * all_.value_dim, query_stride = all_.heads * all_.head_dim;
    const float* dy = at_query(all_.dy, head, block, all_.value_dim);
    const DotRows dots{.rows = block.count,
                       .size = all_.value_dim,
                       .stride = dy_stride,
                       .a = dy,
                       .b = at_query(all_.y, head, block, all_.value_dim),
                       .dots = delta()};
    kernels().dot_rows(&dots);
    if (!packs) return;
    const float* query = at_query(all_.query, head, block, all_.head_dim);
    if (all_.dvalue != nullptr) pack_block(block.count, all_.value_dim, {dy, dy_stride}, false, dy_panels());
    if (all_.dkey != nullptr) pack_block(block.count, all_.head_dim, {query, query_stride}, false, query_panels());
  }

  /// Probabilities, and scale * the gradients of the scores, of the keys [key, key + count).
  void make_scores(const Head& head, const QueryBlock& block, std::int64_t key, std::int64_t count, float* dbias,
                   std::int64_t dbias_stride, float* dslope) {
    const std::int64_t d = all_.head_dim, dv = all_.value_dim, first = head.row * all_.queries + block.begin;
    pack_block(d, count, {at_key(all_.key, head, key, d), all_.kv_heads * d}, true, key_panels());
    pack_block(dv, count, {at_key(all_.value, head, key, dv), all_.kv_heads * dv}, true, value_panels());
    multiply_block(block.count, count, d, {at_query(all_.query, head, block, d), all_.heads * d}, key_panels(),
                   scores(), kKeys, false);
    multiply_block(block.count, count, dv, {at_query(all_.dy, head, block, dv), all_.heads * dv}, value_panels(),
                   gradients(), kKeys, false);
    const AttentionBias& bias = all_.bias;
    const float* added = bias.values;
    if (added != nullptr) {
      added += head.row * bias.batch_stride + head.head * bias.head_stride + block.begin * bias.query_stride + key;
    }
    const ScoreGradientRun run{
        .rows = block.count,
        .columns = count,
        .first = key,
        .scores = scores(),
        .gradients = gradients(),
        .key_begins = all_.key_begins == nullptr ? nullptr : all_.key_begins + first,
        .key_ends = all_.key_ends + first,
        .scale = all_.scale,
        .bias = added,
        .bias_stride = bias.query_stride,
        .slope = all_.slopes == nullptr ? 0.0F : all_.slopes[head.head],
        .logsumexp = all_.logsumexp + (head.row * all_.heads + head.head) * all_.queries + block.begin,
        .delta = delta(),
        .dbias = dbias,
        .dbias_stride = dbias_stride,
        .dslope = dslope};
    kernels().score_gradient(&run);
  }

  /// dquery += gradients K
  void add_to_query(const Head& head, const QueryBlock& block, std::int64_t key, std::int64_t count) {
    const std::int64_t d = all_.head_dim;
    pack_block(count, d, {at_key(all_.key, head, key, d), all_.kv_heads * d}, false, key_row_panels());
    multiply_block(block.count, d, count, {gradients(), kKeys}, key_row_panels(), at_query(all_.dquery, head, block, d),
                   all_.heads * d, true);
  }

  /// to [count, width] += matrix^T [count, queries] rows [queries, width]
  void add_to_keys(const QueryBlock& block, std::int64_t count, const float* matrix, const float* rows,
                   std::int64_t width, float* to, std::int64_t stride) {
    const TransposeF32 transpose{block.count, count, matrix, kKeys, transposed(), kQueries};
    kernels().transpose_f32(&transpose);
    multiply_block(count, width, block.count, {transposed(), kQueries}, rows, to, stride, true);
  }

  const AttentionGradient& all_;
  std::int64_t key_panels_, value_panels_, query_rows_, dy_rows_, key_rows_;
  std::shared_ptr<void> memory_;
};

std::int64_t source_of(const AttentionGradient& all, std::int64_t row) {
  return all.rows == nullptr ? row : all.rows[row];
}

/// Tasks that are worth handing to a thread, when all are one product of so many multiply-adds.
std::int64_t grain_of(double work) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(kParallelWork / (work + 1)));
}

double work_of_head(const AttentionGradient& all) {
  return 2.5 * static_cast<double>(all.queries) * static_cast<double>(all.keys) *
         static_cast<double>(all.head_dim + all.value_dim);
}

void zero(float* values, std::int64_t count) {
  if (values != nullptr) std::fill_n(values, count, 0.0F);
}

/// dquery, dkey, dvalue, and of every row and head what it gives to its slope.
void add_heads(const AttentionGradient& all, float* dslopes, const RunLimits& limits) {
  const std::int64_t group = all.heads / all.kv_heads;
  zero(all.dquery, all.batch * all.queries * all.heads * all.head_dim);
  zero(all.dkey, all.sources * all.keys * all.kv_heads * all.head_dim);
  zero(all.dvalue, all.sources * all.keys * all.kv_heads * all.value_dim);
  zero(dslopes, all.batch * all.heads);
  const double rows_per_source =
      static_cast<double>(all.batch) / static_cast<double>(std::max<std::int64_t>(1, all.sources));
  const double work = work_of_head(all) * static_cast<double>(group) * rows_per_source;
  parallel_for(all.sources * all.kv_heads, grain_of(work), [&](std::int64_t begin, std::int64_t end) {
    Worker worker(all);
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t source = task / all.kv_heads, kv_head = task % all.kv_heads;
      for (std::int64_t row = 0; row < all.batch; ++row) {
        if (source_of(all, row) != source) continue;
        for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
          worker.add_head({row, head, source, kv_head}, dslopes == nullptr ? nullptr : dslopes + row * all.heads + head,
                          limits);
        }
      }
    }
  });
}

/// A task owns some rows of one matrix of dbias, and walks over the rows of the batch and the heads that share it.
void add_biases(const AttentionGradient& all, const RunLimits& limits) {
  const bool per_row = all.bias.batch_stride != 0, per_head = all.bias.head_stride != 0;
  const std::int64_t matrices = (per_row ? all.batch : 1) * (per_head ? all.heads : 1);
  const std::int64_t blocks = (all.queries + kQueries - 1) / kQueries;
  zero(all.dbias, matrices * all.queries * all.keys);
  const double heads =
      static_cast<double>(all.batch * all.heads) / static_cast<double>(std::max<std::int64_t>(1, matrices * blocks));
  parallel_for(matrices * blocks, grain_of(work_of_head(all) * heads), [&](std::int64_t begin, std::int64_t end) {
    Worker worker(all);
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t matrix = task / blocks, first = task % blocks * kQueries;
      for (std::int64_t item = 0; item < all.batch * all.heads; ++item) {
        const std::int64_t row = item / all.heads, head = item % all.heads;
        if ((per_row ? row * all.heads : 0) + (per_head ? head : 0) != matrix) continue;
        limits.check();
        worker.add_bias({row, head, source_of(all, row), head * all.kv_heads / all.heads}, first,
                        all.dbias + (matrix * all.queries + first) * all.keys);
      }
    }
  });
}

}  // namespace

void attention_gradient(const AttentionGradient& gradient, Arena& scratch, const RunLimits& limits) {
  const bool wants_heads = gradient.dquery != nullptr || gradient.dkey != nullptr || gradient.dvalue != nullptr;
  float* slopes = gradient.dslopes == nullptr ? nullptr : scratch.allocate<float>(gradient.batch * gradient.heads);
  if (wants_heads || slopes != nullptr) add_heads(gradient, slopes, limits);
  if (slopes != nullptr) sum_rows(slopes, gradient.batch, gradient.heads, gradient.dslopes, scratch);
  if (gradient.dbias != nullptr) add_biases(gradient, limits);
}

}  // namespace pyseq
