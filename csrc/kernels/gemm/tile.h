// The inner loop of gemm and of attention scores: a few rows of `a` times a few panels, with all sums in registers.
//
// Every element of c goes through the same roundings whatever the tile: k is cut every 256; a chunk's sum starts at
// zero and runs through fma (or the dot product of the type) in ascending k; the chunks' sums are added in ascending
// order.
#pragma once

#include "kernels/gemm/products.h"

namespace pyseq {
namespace {

constexpr std::int64_t kPanelWidth = 32;

inline std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}

// The most rows that a tile of two vectors per row keeps in registers.
#if defined(__AVX512F__)
constexpr int kTileRows = 12;
#elif defined(__AVX2__)
constexpr int kTileRows = 6;
#elif defined(__aarch64__)
constexpr int kTileRows = 8;
#else
constexpr int kTileRows = 4;
#endif
constexpr int kTileVectors = 2;

/// c[Rows, Panels * columns] = a[Rows, k] * b, with k, a and panels in groups. Panel p contributes the columns
/// [0, Vectors * kLanes) from panels[p] on, which land in c + p * kPanelWidth. Of the last panel only `columns` columns
/// are written (all of the others). c holds sums: float32, or int32 of int8 products.
struct GroupOperands {
  const Group* a;
  std::int64_t lda;
  const Group* const* panels;
  std::int64_t width;  // of a panel in storage
  std::int64_t k;
  Group* c;
  std::int64_t ldc;
  std::int64_t columns;
  bool accumulate = false;  // c holds the sum of earlier chunks
};

/// c is asked for before the sums are made, so that it is there when they are done.
template <int Rows, int Vectors>
inline void prefetch_block(const Group* c, std::int64_t ldc) {
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) __builtin_prefetch(c + r * ldc + v * kLanes, 1);
  }
}

/// One chunk. Stride: distance of the rows of `a` when it is known, which saves a register per row; else 0 for op.lda.
template <typename Product, int Rows, int Panels, int Vectors, std::int64_t Stride>
inline void tile(const GroupOperands& op) {
  using Sum = typename Product::Sum;
  Sum sums[Rows][Panels][Vectors] = {};
  const std::int64_t lda = Stride > 0 ? Stride : op.lda;
  const Group* a = op.a;
  const Group* panel[Panels];
#pragma GCC unroll 16
  for (int p = 0; p < Panels; ++p) panel[p] = op.panels[p];
  if constexpr (Panels == 1) prefetch_block<Rows, Vectors>(op.c, op.ldc);
  for (std::int64_t k = 0; k < op.k; ++k, ++a) {
    Int b[Panels][Vectors];
#pragma GCC unroll 16
    for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) b[p][v] = load_bits(panel[p] + v * kLanes);
      panel[p] += op.width;
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const Int value = broadcast(std::int32_t{a[r * lda]});
#pragma GCC unroll 16
      for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) sums[r][p][v] = Product::add(sums[r][p][v], value, b[p][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
    for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) {
        Group* c = op.c + r * op.ldc + p * kPanelWidth + v * kLanes;
        const std::int64_t count = p + 1 < Panels ? kLanes : op.columns - v * kLanes;
        store_sum(c, op.accumulate ? load_sum(c, count, Sum{}) + sums[r][p][v] : sums[r][p][v], count);
      }
    }
  }
}

// --- many rows: copied to a buffer, panel by panel ---

/// Rows of a chunk in the buffer; not a multiple of 4 KiB, so that they do not compete for one set of the cache.
constexpr std::int64_t kRowStride = kSumChunk + 16;

/// One panel of op.columns <= 32 columns times the `rows` rows in the buffer.
template <typename Product, int Rows = kTileRows>
void panel_tile(std::int64_t rows, GroupOperands op) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return panel_tile<Product, Rows - 1>(rows, op);
  }
  // Few rows need more vectors side by side to hide the latency of fma.
  constexpr int kWide = kLanes == 16 || Rows > 2 ? kTileVectors : Rows == 2 ? 4 : kPanelWidth / kLanes;
  constexpr int kNarrow = kLanes == 16 ? 1 : kTileVectors;  // for panels stored 16 wide
  const Group* panel = op.panels[0];
  op.panels = &panel;
  const auto advance = [&](std::int64_t step) {
    panel += step;
    op.c += step;
    op.columns -= step;
  };
  if (op.width == kPanelWidth) {
    for (; op.columns > 0; advance(kWide * kLanes)) tile<Product, Rows, 1, kWide, kRowStride>(op);
  } else {
    for (; op.columns > 0; advance(kNarrow * kLanes)) tile<Product, Rows, 1, kNarrow, kRowStride>(op);
  }
}

/// rows [rows, k] of a -> buffer, kRowStride apart.
inline void copy_rows(std::int64_t rows, const Group* a, std::int64_t lda, std::int64_t k, Group* buffer) {
  for (std::int64_t r = 0; r < rows; ++r, a += lda, buffer += kRowStride) {
    std::int64_t i = 0;
    for (; i + kLanes <= k; i += kLanes) store_bits(buffer + i, load_bits(a + i));
    for (; i < k; ++i) buffer[i] = a[i];
  }
}

/// One chunk of `rows` <= kTileRows rows times all panels of op.
template <typename Product>
void many_rows_tiles(std::int64_t rows, GroupOperands op) {
  alignas(64) Group buffer[kTileRows * kRowStride];
  copy_rows(rows, op.a, op.lda, op.k, buffer);
  op.a = buffer;
  for (; op.columns > 0; ++op.panels, op.c += op.width, op.columns -= op.width) {
    GroupOperands panel = op;
    panel.columns = smaller(op.columns, op.width);
    panel_tile<Product>(rows, panel);
  }
}

// --- few rows: read where they are, several panels at a time ---

/// So few rows take several whole panels at a time: independent streams hide the latency of fma and of memory.
constexpr int kFewRows = kLanes == 16 ? 4 : kLanes == 8 ? 1 : 0;
template <int Rows>
constexpr int kPanelsAtOnce = kLanes < 16 ? 2
                              : Rows == 1 ? 8
                              : Rows <= 3 ? 4
                                          : 2;
constexpr int kMostPanelsAtOnce = 8;

/// One chunk of as many of `count` whole panels as kPanelsAtOnce divides, for rows <= kFewRows. Returns how many.
template <typename Product, int Rows = kFewRows>
std::int64_t few_rows_tiles(std::int64_t rows, std::int64_t count, GroupOperands op) {
  if constexpr (Rows == 0) {
    return 0;
  } else {
    if (rows < Rows) return few_rows_tiles<Product, Rows - 1>(rows, count, op);
    constexpr int kStep = kPanelsAtOnce<Rows>;
    std::int64_t done = 0;
    for (op.columns = kPanelWidth; done + kStep <= count; done += kStep) {
      tile<Product, Rows, kStep, kPanelWidth / kLanes, 0>(op);
      op.panels += kStep;
      op.c += kStep * kPanelWidth;
    }
    return done;
  }
}

// --- a block of rows and panels ---

/// One chunk of k: rows <= kTileRows rows times at most kMostPanels consecutive panels of one width, op.columns columns
/// in all.
constexpr int kMostPanels = 8;
template <typename Product>
void chunk_tile(std::int64_t rows, GroupOperands op) {
  if (rows <= kFewRows && op.width == kPanelWidth) {
    const std::int64_t done = few_rows_tiles<Product>(rows, op.columns / kPanelWidth, op);
    op.panels += done;
    op.c += done * kPanelWidth;
    op.columns -= done * kPanelWidth;
  }
  if (op.columns > 0) many_rows_tiles<Product>(rows, op);
}

/// All chunks of k.
template <typename Product>
void group_row_tile(std::int64_t rows, const GroupOperands& op) {
  for (std::int64_t begin = 0; begin == 0 || begin < op.k; begin += Product::kChunk) {
    const Group* panels[kMostPanels];
    GroupOperands chunk = op;
    for (std::int64_t p = 0; p * op.width < op.columns; ++p) panels[p] = op.panels[p] + begin * op.width;
    chunk.panels = panels;
    chunk.a += begin;
    chunk.k = smaller(Product::kChunk, op.k - begin);
    chunk.accumulate = op.accumulate || begin > 0;
    chunk_tile<Product>(rows, chunk);
  }
}

/// The same for float32: what attention scores use.
struct TileOperands {
  const float* a;
  std::int64_t lda;
  const float* const* panels;
  std::int64_t width;
  std::int64_t k;
  float* c;
  std::int64_t ldc;
  std::int64_t columns;
};
inline void row_tile(std::int64_t rows, const TileOperands& op) {
  group_row_tile<Float32Product>(
      rows, {reinterpret_cast<const Group*>(op.a), op.lda, reinterpret_cast<const Group* const*>(op.panels), op.width,
             op.k, reinterpret_cast<Group*>(op.c), op.ldc, op.columns});
}

}  // namespace
}  // namespace pyseq
