// attention_f32: softmax(scale Q K^T) V without the score matrix, by an online softmax over chunks of 256 keys.
//
// Per row and chunk: scores -> maximum so far -> probabilities relative to it -> their sum and their product with the
// values; earlier sums are scaled to the new maximum. Rows share loads of keys and values, never arithmetic, and a
// chunk in which a row sees no key leaves that row alone: so a row's bits depend on its own keys only.
//
// A score that is NaN or +inf makes the row NaN; keys with score -inf have probability 0; a row without a key, or whose
// scores all are -inf, gives zeros.
#pragma once

#include "kernels/attention/args.h"
#include "kernels/gemm/tile.h"
#include "kernels/vector/elementwise.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

constexpr int kBlock = static_cast<int>(kAttentionKeyBlock);
constexpr int kChunk = static_cast<int>(kAttentionKeyChunk);
static_assert(kTileRows <= kAttentionMaxRows && kBlock == kPanelWidth && kChunk % kBlock == 0);

/// A few query rows on their way over the chunks of keys.
struct AttentionRows {
  const AttentionF32& args;
  std::int64_t first;  // the rows are first .. first + count - 1
  std::int64_t count;
  float* scores;    // [count, kChunk]: scores, then probabilities, of one chunk
  float* products;  // [count, value_dim]: probabilities times values, of one chunk
  float maximum[kTileRows];
  float sum[kTileRows];  // of exp(score - maximum)

  std::int64_t keys(std::int64_t r) const { return args.key_counts[first + r]; }
  float* out(std::int64_t r) const { return args.out + (first + r) * args.out_stride; }
  float* weights(std::int64_t r) const { return args.weights + (first + r) * args.weights_stride; }
  /// Keys of the chunk that starts at `begin` which row r sees.
  std::int64_t visible(std::int64_t r, std::int64_t begin) const {
    const std::int64_t left = smaller(keys(r) - begin, kChunk);
    return left > 0 ? left : 0;
  }
};

/// scores[count, keys of the chunk] = scale Q K^T
inline void chunk_scores(const AttentionRows& rows, std::int64_t begin, std::int64_t most_visible) {
  const AttentionF32& args = rows.args;
  const std::int64_t columns = (most_visible + kBlock - 1) / kBlock * kBlock;
  row_tile(rows.count, {args.q + rows.first * args.q_stride, args.q_stride, args.key_panels + begin / kBlock, kBlock,
                        args.head_dim, rows.scores, kChunk, columns});
  for (std::int64_t r = 0; r < rows.count; ++r) {
    float* scores = rows.scores + r * kChunk;
    for (std::int64_t i = 0; i < columns; i += kLanes) store(scores + i, load(scores + i) * args.scale);
  }
}

/// Scores of row r become probabilities relative to the new maximum; what was summed before is scaled to it.
inline void chunk_probabilities(AttentionRows& rows, std::int64_t r, std::int64_t begin) {
  const std::int64_t visible = rows.visible(r, begin);
  if (visible == 0) return;
  float* scores = rows.scores + r * kChunk;
  if (rows.args.weights != nullptr) {
    for (std::int64_t i = 0; i < visible; i += kLanes) {
      store(rows.weights(r) + begin + i, load(scores + i), visible - i);
    }
  }
  const float chunk_maximum = row_max(visible, scores);
  const float maximum = chunk_maximum > rows.maximum[r] ? chunk_maximum : rows.maximum[r];
  const Float rescale = exp(broadcast(rows.maximum[r] - exp_shift(maximum)));
  rows.maximum[r] = maximum;
  rows.sum[r] = rows.sum[r] * rescale[0] + row_exp(visible, scores, exp_shift(maximum), scores);
  float* out = rows.out(r);
  for (std::int64_t i = 0; i < rows.args.value_dim; i += kLanes) {
    const std::int64_t lanes = rows.args.value_dim - i;
    store(out + i, load(out + i, lanes) * rescale, lanes);
  }
}

/// products[r, column ...] += probabilities * values over the keys [from, to) of a chunk, in ascending order.
template <int Rows, int Vectors>
void add_values(const AttentionRows& rows, std::int64_t first_row, std::int64_t begin, std::int64_t from,
                std::int64_t to, std::int64_t column) {
  const AttentionF32& args = rows.args;
  const std::int64_t lanes = args.value_dim - column;
  float* products = rows.products + first_row * args.value_dim + column;
  Float sums[Rows][Vectors];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) {
      sums[r][v] = load(products + r * args.value_dim + v * kLanes, lanes - v * kLanes);
    }
  }
  const float* probabilities = rows.scores + first_row * kChunk;
  for (std::int64_t key = from; key < to;) {
    const std::int64_t position = begin + key;
    const std::int64_t block_end = smaller(to, key + kBlock - position % kBlock);
    const float* value = args.value_blocks[position / kBlock] + position % kBlock * args.value_stride + column;
    for (; key < block_end; ++key, value += args.value_stride) {
      Float b[Vectors];
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) b[v] = load(value + v * kLanes, lanes - v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const Float probability = broadcast(probabilities[r * kChunk + key]);
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) sums[r][v] = fma(probability, b[v], sums[r][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) {
      store(products + r * args.value_dim + v * kLanes, sums[r][v], lanes - v * kLanes);
    }
  }
}

/// add_values for `count` rows from first_row on and every column.
template <int Rows = kTileRows>
void add_values_to_rows(std::int64_t count, const AttentionRows& rows, std::int64_t first_row, std::int64_t begin,
                        std::int64_t from, std::int64_t to) {
  if constexpr (Rows > 1) {
    if (count < Rows) return add_values_to_rows<Rows - 1>(count, rows, first_row, begin, from, to);
  }
  constexpr int kVectors = Rows <= 2 ? 4 : kTileVectors;
  for (std::int64_t column = 0; column < rows.args.value_dim; column += kVectors * kLanes) {
    add_values<Rows, kVectors>(rows, first_row, begin, from, to, column);
  }
}

/// out += probabilities * values of one chunk. Rows go together over the keys that all of them see, then each alone:
/// what a row does not see must not touch it, not even as 0 * NaN.
inline void chunk_values(const AttentionRows& rows, std::int64_t begin) {
  const std::int64_t value_dim = rows.args.value_dim;
  std::int64_t common = kChunk;
  for (std::int64_t r = 0; r < rows.count; ++r) common = smaller(common, rows.visible(r, begin));
  for (std::int64_t i = 0; i < rows.count * value_dim; ++i) rows.products[i] = 0.0F;
  if (common > 0) add_values_to_rows(rows.count, rows, 0, begin, 0, common);
  for (std::int64_t r = 0; r < rows.count; ++r) {
    const std::int64_t visible = rows.visible(r, begin);
    if (visible > common) add_values_to_rows<1>(1, rows, r, begin, common, visible);
    if (visible > 0) add(value_dim, rows.out(r), rows.products + r * value_dim, rows.out(r));
  }
}

/// Division by the sum of probabilities, and the weights that were asked for.
inline void finish_row(const AttentionRows& rows, std::int64_t r) {
  const AttentionF32& args = rows.args;
  const float divisor = rows.sum[r] == 0.0F ? 1.0F : rows.sum[r];
  float* out = rows.out(r);
  for (std::int64_t i = 0; i < args.value_dim; i += kLanes) {
    store(out + i, load(out + i, args.value_dim - i) / divisor, args.value_dim - i);
  }
  if (args.weights == nullptr) return;
  float* weights = rows.weights(r);
  const float shift = exp_shift(rows.maximum[r]);
  const std::int64_t keys = rows.keys(r);
  map(keys, weights, weights, [=](Float score) { return exp(score - shift) / divisor; });
  for (std::int64_t i = keys; i < args.weights_count; ++i) weights[i] = 0.0F;
}

inline void attend(AttentionRows rows) {
  std::int64_t most_keys = 0;
  for (std::int64_t r = 0; r < rows.count; ++r) {
    rows.maximum[r] = -kInfinity;
    rows.sum[r] = 0.0F;
    for (std::int64_t i = 0; i < rows.args.value_dim; ++i) rows.out(r)[i] = 0.0F;
    if (rows.keys(r) > most_keys) most_keys = rows.keys(r);
  }
  for (std::int64_t begin = 0; begin < most_keys; begin += kChunk) {
    chunk_scores(rows, begin, smaller(most_keys - begin, kChunk));
    for (std::int64_t r = 0; r < rows.count; ++r) chunk_probabilities(rows, r, begin);
    chunk_values(rows, begin);
  }
  for (std::int64_t r = 0; r < rows.count; ++r) finish_row(rows, r);
}

void attention_f32(const AttentionF32* args) {
  const std::int64_t groups = (args->rows + kTileRows - 1) / kTileRows;
  const std::int64_t rows_per_group = groups == 0 ? 0 : (args->rows + groups - 1) / groups;
  for (std::int64_t row = 0; row < args->rows; row += rows_per_group) {
    float* products = args->scratch + rows_per_group * kChunk;
    attend({*args, row, smaller(rows_per_group, args->rows - row), args->scratch, products, {}, {}});
  }
}

}  // namespace
}  // namespace pyseq
