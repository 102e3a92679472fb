// softmax and log_softmax along rows. A row with NaN or +inf becomes NaN; a row of -inf alone has no maximum to
// subtract and gives zeros (softmax) or -inf (log_softmax).
//
// A row is cut into chunks that fit into the first cache level; each has its own maximum, so that a chunk is read from
// further away only once. Several short rows are taken together: the latency of a row's sum, logarithm or division is
// hidden behind the others.
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

constexpr std::int64_t kSoftmaxChunk =
    4096;  // values; twice as many, and again, where a row would have too many chunks
constexpr int kMostChunks = 64;
constexpr int kRowsTogether = 4;  // at most the lanes of the narrowest tier

/// The chunks of a row: the maximum that each subtracted, and what they sum up to.
struct ExpChunks {
  std::int64_t size;
  int count;
  float shift[kMostChunks];
  float sum[kMostChunks];
  float largest, total;  // of the row: total = Σ exp(x - largest)
};

inline void cut_into_chunks(std::int64_t n, ExpChunks& chunks) {
  chunks.size = kSoftmaxChunk;
  while (n > chunks.size * kMostChunks) chunks.size *= 2;
  chunks.count = static_cast<int>((n + chunks.size - 1) / chunks.size);
}

/// exp(from - to) for two shifts: what a chunk is to be scaled with.
inline float rescaling(float from, float to) {
  return from == to ? 1.0F : exp(broadcast(from - to))[0];
}

/// Exponentials of a row, chunk by chunk, into y when `keep` says so; y is only fetched otherwise.
template <bool keep>
inline void exp_chunks(std::int64_t n, const float* x, float* y, ExpChunks& chunks) {
  float largest = -kInfinity;
  for (int c = 0; c < chunks.count; ++c) {
    const std::int64_t begin = c * chunks.size, size = n - begin < chunks.size ? n - begin : chunks.size;
    const float maximum = row_max(size, x + begin);
    largest = maximum > largest ? maximum : largest;
    chunks.shift[c] = exp_shift(maximum);
    chunks.sum[c] = keep ? row_exp(size, x + begin, chunks.shift[c], y + begin)
                         : row_exp_sum(size, x + begin, chunks.shift[c], y + begin);
  }
  chunks.largest = exp_shift(largest);
  chunks.total = 0.0F;
  for (int c = 0; c < chunks.count; ++c) {
    // A chunk of -inf alone has sum 0, whatever its shift.
    if (chunks.sum[c] != 0.0F) chunks.total += chunks.sum[c] * rescaling(chunks.shift[c], chunks.largest);
  }
}

/// y *= 1 / total over a row, each chunk with its own shift made good. Backwards: the last chunk is still near.
inline void normalise_chunks(std::int64_t n, float* y, const ExpChunks& chunks) {
  const float scale = 1.0F / (chunks.total == 0.0F ? 1.0F : chunks.total);
  for (int c = chunks.count; c-- > 0;) {
    const std::int64_t begin = c * chunks.size, size = n - begin < chunks.size ? n - begin : chunks.size;
    const bool empty = chunks.sum[c] == 0.0F;
    const float factor = empty ? scale : scale * rescaling(chunks.shift[c], chunks.largest);
    float* part = y + begin;
    for_row(size, [=](std::int64_t i, std::int64_t count) { store(part + i, load(part + i, count) * factor, count); });
  }
}

inline void scale_values(std::int64_t n, float factor, float* y) {
  for_row(n, [=](std::int64_t i, std::int64_t count) { store(y + i, load(y + i, count) * factor, count); });
}

/// y = (x - shift) - log_sum
inline void subtract_log_sum(std::int64_t n, const float* x, float shift, float log_sum, float* y) {
  for_row(n, [=](std::int64_t i, std::int64_t count) { store(y + i, (load(x + i, count) - shift) - log_sum, count); });
}

/// Rows that are short enough to stay near while others are worked on.
inline int rows_together(std::int64_t columns, std::int64_t rows) {
  const int most = columns <= kSoftmaxChunk / kRowsTogether ? kRowsTogether : 1;
  return rows < most ? static_cast<int>(rows) : most;
}

/// Rows of one chunk.
inline void softmax_short(std::int64_t n, int rows, const float* x, float* y) {
  float sums[kRowsTogether];
  for (int r = 0; r < rows; ++r) sums[r] = row_exp(n, x + r * n, exp_shift(row_max(n, x + r * n)), y + r * n);
  for (int r = 0; r < rows; ++r) scale_values(n, 1.0F / (sums[r] == 0.0F ? 1.0F : sums[r]), y + r * n);
}

inline void softmax_long(std::int64_t n, const float* x, float* y) {
  ExpChunks chunks;
  cut_into_chunks(n, chunks);
  exp_chunks<true>(n, x, y, chunks);
  normalise_chunks(n, y, chunks);
}

void softmax_f32(const RowwiseF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t first = 0; first < args->rows;) {
    const int count = rows_together(n, args->rows - first);
    const float* x = args->x + first * n;
    float* y = args->y + first * n;
    if (n <= kSoftmaxChunk) {
      softmax_short(n, count, x, y);
    } else {
      softmax_long(n, x, y);
    }
    first += count;
  }
}

inline void log_softmax_short(std::int64_t n, int rows, const float* x, float* y) {
  float shifts[kRowsTogether];
  Float sums = broadcast(1.0F);
  for (int r = 0; r < rows; ++r) {
    shifts[r] = exp_shift(row_max(n, x + r * n));
    const float sum = row_exp_sum(n, x + r * n, shifts[r], y + r * n);
    if (sum != 0.0F) sums[r] = sum;
  }
  const Float log_sums = log(sums);
  for (int r = 0; r < rows; ++r) subtract_log_sum(n, x + r * n, shifts[r], log_sums[r], y + r * n);
}

inline void log_softmax_long(std::int64_t n, const float* x, float* y) {
  ExpChunks chunks;
  cut_into_chunks(n, chunks);
  exp_chunks<false>(n, x, y, chunks);
  const float log_sum = log(broadcast(chunks.total == 0.0F ? 1.0F : chunks.total))[0];
  for (int c = chunks.count; c-- > 0;) {  // from the end, which is still near
    const std::int64_t begin = c * chunks.size, size = n - begin < chunks.size ? n - begin : chunks.size;
    subtract_log_sum(size, x + begin, chunks.largest, log_sum, y + begin);
  }
}

void log_softmax_f32(const RowwiseF32* args) {
  const std::int64_t n = args->columns;
  for (std::int64_t first = 0; first < args->rows;) {
    const int count = rows_together(n, args->rows - first);
    const float* x = args->x + first * n;
    float* y = args->y + first * n;
    if (n <= kSoftmaxChunk) {
      log_softmax_short(n, count, x, y);
    } else {
      log_softmax_long(n, x, y);
    }
    first += count;
  }
}

}  // namespace
}  // namespace pyseq
