// The two products of attention with all sums in registers: queries times panels of keys, probabilities times values.
//
// Every sum runs through fma in ascending order from zero on, whatever the tile, so that its size never shows.
#pragma once

#include "kernels/attention/storage.h"

namespace pyseq {
namespace {

// The most rows that a tile of two vectors per row keeps in registers.
#if defined(__AVX512F__)
constexpr int kRowsTogether = 12;
#elif defined(__AVX2__)
constexpr int kRowsTogether = 6;
#elif defined(__aarch64__)
constexpr int kRowsTogether = 8;
#else
constexpr int kRowsTogether = 4;
#endif
static_assert(kRowsTogether <= kAttentionMaxRows);

/// So few rows wait for memory more than for arithmetic.
constexpr int kFewRows = 4;

/// Asks for the cache lines of `Bytes` bytes, `offset` bytes from p on.
template <std::size_t Bytes, typename T>
inline void fetch(const T* p, std::int64_t offset) {
  const char* bytes = reinterpret_cast<const char*>(p) + offset;
#pragma GCC unroll 16
  for (std::size_t i = 0; i < Bytes; i += 64) __builtin_prefetch(bytes + i);
}

inline std::int64_t bytes_between(const void* from, const void* to) {
  return static_cast<const char*>(to) - static_cast<const char*>(from);
}

/// A few query rows times the panels of consecutive blocks.
template <typename T>
struct ScoreTile {
  const float* q;  // [rows, head_dim]
  std::int64_t head_dim;
  const T* const* panels;
  const T* const* ahead;  // [count] or null: what is worth fetching into the cache meanwhile, as large as the panels
  float* scores;          // [rows, stride], 32 columns per panel
  std::int64_t stride;
};

/// `Vectors` vectors of `Panels` panels from `column` on, for the values [begin, end) of queries and keys; what is
/// there from earlier ones stays in the sum.
template <int Rows, int Panels, int Vectors, typename T>
inline void score_tile(const ScoreTile<T>& op, std::int64_t panel, int column, std::int64_t begin, std::int64_t end) {
  Float sums[Rows][Panels][Vectors] = {};
  const T* keys[Panels];
  std::int64_t ahead[Panels] = {};
#pragma GCC unroll 16
  for (int p = 0; p < Panels; ++p) {
    keys[p] = op.panels[panel + p] + begin * kBlock + column;
    if (op.ahead != nullptr) ahead[p] = bytes_between(op.panels[panel + p], op.ahead[panel + p]);
  }
  for (std::int64_t k = begin; k < end; ++k) {
    Float b[Panels][Vectors];
#pragma GCC unroll 16
    for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) b[p][v] = widened(keys[p] + v * kLanes);
      if constexpr (Rows <= kFewRows) fetch<Vectors * kLanes * sizeof(T)>(keys[p], ahead[p]);
      keys[p] += kBlock;
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const Float value = broadcast(op.q[r * op.head_dim + k]);
#pragma GCC unroll 16
      for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) sums[r][p][v] = fma(value, b[p][v], sums[r][p][v]);
      }
    }
  }
  // Locals: what is stored might be `op` itself, as far as the compiler knows.
  float* scores = op.scores + panel * kBlock + column;
  const std::int64_t stride = op.stride;
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r, scores += stride) {
#pragma GCC unroll 16
    for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) {
        float* score = scores + p * kBlock + v * kLanes;
        store(score, begin == 0 ? sums[r][p][v] : load(score) + sums[r][p][v]);
      }
    }
  }
}

/// Whole panels: sums are cut every 128 values, which keeps their rounding errors small.
template <int Rows, int Panels, int Vectors, typename T>
inline void score_panels(const ScoreTile<T>& op, std::int64_t panel) {
  constexpr std::int64_t kSumChunk = 128;
  for (int column = 0; column < kBlock; column += Vectors * kLanes) {
    for (std::int64_t begin = 0; begin < op.head_dim; begin += kSumChunk) {
      score_tile<Rows, Panels, Vectors>(op, panel, column, begin, least(begin + kSumChunk, op.head_dim));
    }
  }
}

/// scores = q K^T for `rows` rows and `count` panels.
template <int Rows = kRowsTogether, typename T>
void score_tiles(std::int64_t rows, std::int64_t count, const ScoreTile<T>& op) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return score_tiles<Rows - 1>(rows, count, op);
  }
  // Few rows need more independent sums to hide the latency of fma.
  constexpr int kPanelVectors = kBlock / kLanes;
  constexpr int kVectors = Rows <= 2 && kPanelVectors > 4 ? 4 : Rows <= 2 ? kPanelVectors : 2;
  constexpr int kTogether = kLanes == 16 && Rows <= 4 ? 2 : 1;
  std::int64_t panel = 0;
  for (; panel + kTogether <= count; panel += kTogether) score_panels<Rows, kTogether, kVectors>(op, panel);
  for (; panel < count; ++panel) score_panels<Rows, 1, kVectors>(op, panel);
}

/// Probabilities of one chunk times its values.
struct ValueTile {
  const float* probabilities;  // [rows, kChunk]
  const KeyPart* parts;        // from the first one on that the rows see something of
  const KeyPart* parts_end;
  std::int64_t value_stride, value_dim;
  float* products;                      // [rows, value_dim]
  std::int64_t chunk;                   // position of the chunk's first key
  const std::int64_t *from, *to;        // keys of the chunk that each row sees
  std::int64_t all_from, all_to;        // that some row sees
  std::int64_t common_from, common_to;  // that every row sees
};

/// What comes after the values of a part: those of the next one, or its keys where the chunk ends.
inline const void* fetched_after(const ValueTile& op, const KeyPart* part) {
  if (part + 1 >= op.parts_end) return part->values;
  return part->end >= op.chunk + op.all_to ? (part + 1)->keys : (part + 1)->values;
}

/// The columns from `column` on. Keys that only some rows see do not touch the others, not even as 0 * NaN.
template <int Rows, int Vectors, bool Whole, typename T>
inline void value_tile(const ValueTile& op, std::int64_t column) {
  const std::int64_t lanes = op.value_dim - column;
  Float sums[Rows][Vectors] = {};
  Float b[Vectors];
  const auto load_values = [&](const T* value) {
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) {
      b[v] = Whole ? widened(value + v * kLanes) : widened(value + v * kLanes, lanes - v * kLanes);
    }
  };
  const auto add_row = [&](int r, std::int64_t key) {
    const Float probability = broadcast(op.probabilities[r * kChunk + key]);
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) sums[r][v] = fma(probability, b[v], sums[r][v]);
  };
  const KeyPart* part = op.parts;
  for (std::int64_t key = op.all_from; key < op.all_to; ++part) {
    const std::int64_t fetch_offset = bytes_between(part->values, fetched_after(op, part));
    const std::int64_t end = least(op.all_to, part->end - op.chunk);
    const std::int64_t common_end = least(end, op.common_to);
    const T* value = static_cast<const T*>(part->values) + (op.chunk + key) % kBlock * op.value_stride + column;
    const auto some_rows = [&](std::int64_t until) {
      for (; key < until; ++key, value += op.value_stride) {
        load_values(value);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
          if (key >= op.from[r] && key < op.to[r]) add_row(r, key);
        }
      }
    };
    some_rows(least(end, op.common_from));
    for (; key < common_end; ++key, value += op.value_stride) {
      load_values(value);
      if constexpr (Rows <= kFewRows) fetch<Vectors * kLanes * sizeof(T)>(value, fetch_offset);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) add_row(r, key);
    }
    some_rows(end);
  }
  float* products = op.products + column;
  const std::int64_t width = op.value_dim;
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r, products += width) {
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) {
      if constexpr (Whole) {
        store(products + v * kLanes, sums[r][v]);
      } else {
        store(products + v * kLanes, sums[r][v], lanes - v * kLanes);
      }
    }
  }
}

/// products = probabilities * values for `rows` rows and every column.
template <typename T, int Rows = kRowsTogether>
void value_tiles(std::int64_t rows, const ValueTile& op) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return value_tiles<T, Rows - 1>(rows, op);
  }
  constexpr int kVectors = Rows <= 2 ? 4 : 2;
  std::int64_t column = 0;
  for (; column + kVectors * kLanes <= op.value_dim; column += kVectors * kLanes) {
    value_tile<Rows, kVectors, true, T>(op, column);
  }
  for (; column < op.value_dim; column += kVectors * kLanes) value_tile<Rows, kVectors, false, T>(op, column);
}

}  // namespace
}  // namespace pyseq
