// softmax(scale Q K^T + bias) V without the score matrix, by an online softmax over chunks of 256 keys.
//
// Per row and chunk: scores -> their maximum -> probabilities relative to it -> their sum and their product with the
// values, both scaled to the larger of this maximum and the one so far when they join what came before. Rows share
// loads of keys and values, never arithmetic, and a chunk in which a row sees no key leaves that row alone: so a row's
// bits depend on its own keys only.
//
// A score that is NaN or +inf makes the row NaN; keys with score -inf have probability 0; a row without a key, or whose
// scores all are -inf, gives zeros.
#pragma once

#include "kernels/attention/softmax.h"
#include "kernels/attention/tiles.h"

namespace pyseq {
namespace {

constexpr int kRowSlots = 16;  // whole vectors on every tier
static_assert(kRowsTogether <= kRowSlots && kRowSlots % kLanes == 0);

/// A few query rows on their way over the chunks of keys.
struct AttentionRows {
  const AttentionRun& args;
  std::int64_t first;  // the rows are first .. first + count - 1
  std::int64_t count;
  float* queries;      // [count, head_dim]: scale log2(e) q
  float* scores;       // [count, kChunk]: scores, then probabilities, of one chunk
  float* part_scores;  // [count, kBlock]
  float* products;     // [count, value_dim]: probabilities times values, of one chunk
  float maximum[kRowSlots];
  float sum[kRowSlots];
  float chunk_maximum[kRowSlots];
  float chunk_sum[kRowSlots];
  std::int64_t from[kRowSlots], to[kRowSlots];  // keys of the chunk that each row sees

  std::int64_t key_begin(std::int64_t r) const {
    return args.key_begins == nullptr ? 0 : args.key_begins[(first + r) * args.range_stride];
  }
  std::int64_t key_end(std::int64_t r) const { return args.key_ends[(first + r) * args.range_stride]; }
  float* out(std::int64_t r) const { return args.out + (first + r) * args.out_stride; }
  float* weights(std::int64_t r) const { return args.weights + (first + r) * args.weights_stride; }
};

/// What the rows see of the chunk that starts at `chunk`.
struct ChunkRange {
  std::int64_t chunk;
  std::int64_t all_from = kChunk, all_to = 0;
  std::int64_t common_from = 0, common_to = kChunk;
};

inline ChunkRange chunk_range(AttentionRows& rows, std::int64_t chunk) {
  ChunkRange range{chunk};
  for (std::int64_t r = 0; r < rows.count; ++r) {
    rows.from[r] = least(most(rows.key_begin(r) - chunk, 0), kChunk);
    rows.to[r] = most(least(rows.key_end(r) - chunk, kChunk), rows.from[r]);
    range.common_from = most(range.common_from, rows.from[r]);
    range.common_to = least(range.common_to, rows.to[r]);
    if (rows.from[r] == rows.to[r]) continue;
    range.all_from = least(range.all_from, rows.from[r]);
    range.all_to = most(range.all_to, rows.to[r]);
  }
  return range;
}

/// scores = queries K^T over whole blocks. A block of several parts takes from each the lanes that it provides.
template <typename T>
void chunk_scores(const AttentionRows& rows, const ChunkRange& range, const KeyPart* part) {
  constexpr std::int64_t kFetched = 2;  // blocks ahead: after the panels come the values
  const T* panels[kChunk / kBlock + kFetched];
  const std::int64_t head_dim = rows.args.head_dim;
  const std::int64_t first = range.all_from / kBlock, last = (range.all_to + kBlock - 1) / kBlock;
  const KeyPart* const begin = part;
  const std::int64_t end = range.chunk + range.all_to;
  for (std::int64_t block = first; block < last; ++block) {
    panels[block] = static_cast<const T*>(part->keys);
    const std::int64_t block_end = least(range.chunk + (block + 1) * kBlock, end);
    while (part->end < block_end) ++part;
    ++part;
  }
  const std::int64_t blocks = last - first;
  for (std::int64_t i = 0; i < kFetched; ++i) {
    panels[last + i] = static_cast<const T*>(begin[least(i, part - begin - 1)].values);
  }
  score_tiles(rows.count, blocks,
              ScoreTile<T>{rows.queries, head_dim, panels + first, panels + first + kFetched,
                           rows.scores + first * kBlock, kChunk});
  if (part - begin == blocks) return;
  for (const KeyPart* other = begin + 1; other < part; ++other) {
    if (other->begin % kBlock == 0) continue;
    const T* panel = static_cast<const T*>(other->keys);
    score_tiles(rows.count, 1, ScoreTile<T>{rows.queries, head_dim, &panel, nullptr, rows.part_scores, kBlock});
    for (std::int64_t r = 0; r < rows.count; ++r) {
      for (std::int64_t p = other->begin; p < other->end; ++p) {
        rows.scores[r * kChunk + p - range.chunk] = rows.part_scores[r * kBlock + p % kBlock];
      }
    }
  }
}

/// scores[key] *= scale of the key (or of the value), part by part.
inline void multiply_scales(const AttentionRows& rows, const ChunkRange& range, const KeyPart* part,
                            std::int64_t offset) {
  for (std::int64_t key = range.all_from; key < range.all_to; ++part) {
    const std::int64_t end = least(part->end - range.chunk, range.all_to);
    const float* scales = part->scales + offset + (range.chunk + key) % kBlock;
    for (std::int64_t r = 0; r < rows.count; ++r) {
      float* scores = rows.scores + r * kChunk + key;
      for (std::int64_t i = 0; i < end - key; i += kLanes) {
        const std::int64_t lanes = end - key - i;
        store(scores + i, load(scores + i, lanes) * load(scales + i, lanes), lanes);
      }
    }
    key = end;
  }
}

/// What is added to the scores of row r: its bias, and its slope times the distance from the last key that it sees.
inline void add_bias(const AttentionRows& rows, const ChunkRange& range, std::int64_t r) {
  const AttentionRun& args = rows.args;
  float* scores = rows.scores + r * kChunk;
  const std::int64_t from = rows.from[r] / kLanes * kLanes, to = rows.to[r];
  if (args.bias != nullptr) {
    const float* bias = args.bias + (rows.first + r) * args.bias_stride + range.chunk;
    for (std::int64_t i = from; i < to; i += kLanes) {
      store(scores + i, fma(load(bias + i, to - i), broadcast(kLog2E), load(scores + i)));
    }
  }
  if (args.slopes != nullptr) {
    const Float slope = broadcast(args.slopes[(rows.first + r) * args.slope_stride] * kLog2E);
    for (std::int64_t i = from; i < to; i += kLanes) {
      const auto distance = static_cast<std::int32_t>(range.chunk + i - rows.key_end(r) + 1);
      store(scores + i, fma(to_float(lane_numbers() + broadcast(distance)), slope, load(scores + i)));
    }
  }
}

/// Scores of row r become probabilities relative to the chunk's maximum.
inline void chunk_probabilities(AttentionRows& rows, const ChunkRange& range, std::int64_t r) {
  const std::int64_t from = rows.from[r], to = rows.to[r];
  rows.chunk_maximum[r] = -kInfinity;
  rows.chunk_sum[r] = 0.0F;
  if (from == to) return;
  float* scores = rows.scores + r * kChunk;
  add_bias(rows, range, r);
  if (rows.args.weights != nullptr) {
    float* weights = rows.weights(r) + range.chunk;
    for (std::int64_t i = from; i < to; i += kLanes) store(weights + i, load(scores + i, to - i), to - i);
  }
  const float maximum = chunk_max(from, to, scores);
  rows.chunk_maximum[r] = maximum;
  rows.chunk_sum[r] = row_exp2(from, to, exp_shift(maximum), scores);
}

/// Sums and products of a chunk join those of the chunks before it.
inline void join_chunk(AttentionRows& rows) {
  float before[kRowSlots], now[kRowSlots];  // factors
  for (std::int64_t r = 0; r < rows.count; r += kLanes) {
    const Float old_maximum = load(rows.maximum + r), chunk_maximum = load(rows.chunk_maximum + r);
    const Float maximum = max(old_maximum, chunk_maximum);
    const Float shift = select(maximum == broadcast(-kInfinity), Float{}, maximum);
    const Float old_factor = exp2_of_negative(old_maximum - shift), factor = exp2_of_negative(chunk_maximum - shift);
    store(before + r, old_factor);
    store(now + r, factor);
    store(rows.maximum + r, maximum);
    store(rows.sum + r, load(rows.sum + r) * old_factor + load(rows.chunk_sum + r) * factor);
  }
  const std::int64_t value_dim = rows.args.value_dim;
  for (std::int64_t r = 0; r < rows.count; ++r) {
    if (rows.from[r] == rows.to[r]) continue;
    float* out = rows.out(r);
    const float* products = rows.products + r * value_dim;
    for (std::int64_t i = 0; i < value_dim; i += kLanes) {
      const std::int64_t lanes = value_dim - i;
      store(out + i, load(out + i, lanes) * before[r] + load(products + i, lanes) * now[r], lanes);
    }
  }
}

/// Division by the sum of probabilities, and the weights that were asked for.
inline void finish_row(const AttentionRows& rows, std::int64_t r) {
  const AttentionRun& args = rows.args;
  const float divisor = rows.sum[r] == 0.0F ? 1.0F : rows.sum[r];
  float* out = rows.out(r);
  for (std::int64_t i = 0; i < args.value_dim; i += kLanes) {
    store(out + i, load(out + i, args.value_dim - i) / divisor, args.value_dim - i);
  }
  if (args.weights == nullptr) return;
  float* weights = rows.weights(r);
  const float shift = exp_shift(rows.maximum[r]);
  const std::int64_t end = rows.key_end(r), begin = least(rows.key_begin(r), end);
  for (std::int64_t i = 0; i < begin; ++i) weights[i] = 0.0F;
  for (std::int64_t i = begin; i < end; i += kLanes) {
    store(weights + i, exp2_of_negative(load(weights + i, end - i) - shift) / divisor, end - i);
  }
  for (std::int64_t i = end; i < args.weights_count; ++i) weights[i] = 0.0F;
}

/// ln Σ e^score of every row, from what is known in powers of two.
inline void give_logsumexp(const AttentionRows& rows) {
  float values[kRowSlots];
  for (std::int64_t r = 0; r < kRowSlots; r += kLanes) {
    constexpr float kLn2 = 0.693147181F;
    store(values + r, fma(load(rows.maximum + r), broadcast(kLn2), log(load(rows.sum + r))));
  }
  for (std::int64_t r = 0; r < rows.count; ++r) rows.args.logsumexp[rows.first + r] = values[r];
}

inline void start_rows(AttentionRows& rows) {
  const AttentionRun& args = rows.args;
  const float scale = args.scale * kLog2E;
  for (std::int64_t r = 0; r < kRowSlots; ++r) {
    rows.maximum[r] = rows.chunk_maximum[r] = -kInfinity;
    rows.sum[r] = rows.chunk_sum[r] = 0.0F;
  }
  for (std::int64_t r = 0; r < rows.count; ++r) {
    const float* q = args.q + (rows.first + r) * args.q_stride;
    float* query = rows.queries + r * args.head_dim;
    for (std::int64_t i = 0; i < args.head_dim; i += kLanes) {
      store(query + i, load(q + i, args.head_dim - i) * scale, args.head_dim - i);
    }
    for (std::int64_t i = 0; i < args.value_dim; ++i) rows.out(r)[i] = 0.0F;
  }
}

template <typename T>
void attend_rows(AttentionRows& rows) {
  const AttentionRun& args = rows.args;
  start_rows(rows);
  std::int64_t last = 0, first = INT64_MAX;
  for (std::int64_t r = 0; r < rows.count; ++r) {
    last = most(last, rows.key_end(r));
    first = least(first, rows.key_begin(r));
  }
  const KeyPart* part = args.parts;
  for (std::int64_t chunk = first / kChunk * kChunk; chunk < last; chunk += kChunk) {
    const ChunkRange range = chunk_range(rows, chunk);
    if (range.all_from >= range.all_to) continue;
    while (part->end <= chunk + range.all_from / kBlock * kBlock) ++part;
    chunk_scores<T>(rows, range, part);
    const KeyPart* visible = part;
    while (visible->end <= chunk + range.all_from) ++visible;
    if constexpr (sizeof(T) == 1) multiply_scales(rows, range, visible, 0);
    for (std::int64_t r = 0; r < rows.count; ++r) chunk_probabilities(rows, range, r);
    if constexpr (sizeof(T) == 1) multiply_scales(rows, range, visible, kBlock);
    value_tiles<T>(rows.count, {rows.scores, visible, args.parts + args.part_count, args.value_stride, args.value_dim,
                                rows.products, chunk, rows.from, rows.to, range.all_from, range.all_to,
                                range.common_from, range.common_to});
    join_chunk(rows);
  }
  for (std::int64_t r = 0; r < rows.count; ++r) finish_row(rows, r);
  if (args.logsumexp != nullptr) give_logsumexp(rows);
}

template <typename T>
void attend_all(const AttentionRun& args) {
  const std::int64_t groups = (args.rows + kRowsTogether - 1) / kRowsTogether;
  const std::int64_t per_group = groups == 0 ? 0 : (args.rows + groups - 1) / groups;
  float* scores = args.scratch + kAttentionMaxRows * args.head_dim;
  float* part_scores = scores + kAttentionMaxRows * kChunk;
  float* products = part_scores + kAttentionMaxRows * kBlock;
  for (std::int64_t row = 0; row < args.rows; row += per_group) {
    AttentionRows rows{
        args, row, least(per_group, args.rows - row), args.scratch, scores, part_scores, products, {}, {}, {}, {},
        {},   {}};
    attend_rows<T>(rows);
  }
}

void attention(const AttentionRun* args) {
  switch (args->storage) {
    case KeyStorage::float32:
      return attend_all<float>(*args);
    case KeyStorage::bfloat16:
      return attend_all<std::uint16_t>(*args);
    case KeyStorage::int8:
      return attend_all<std::int8_t>(*args);
  }
}

}  // namespace
}  // namespace pyseq
