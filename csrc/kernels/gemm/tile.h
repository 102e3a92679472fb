// The inner loop of gemm and of attention scores: a few rows of `a` times a few panels, with all sums in registers.
//
// Every element of c goes through the same roundings whatever the tile: k is cut every 256; a chunk's sum starts at
// zero and runs through fma (or the dot product of the type) in ascending k; the chunks' sums are added in ascending
// order.
#pragma once

#include "kernels/gemm/args.h"
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

/// c[rows, columns] = a[rows, k] * b, with k, a and panels in groups. c holds sums: float32, or int32 of int8 products;
/// or products, where there is a finish.
struct GroupOperands {
  const Group* a;
  std::int64_t lda;
  const Group* const* panels;
  std::int64_t width;  // of a panel in storage
  std::int64_t k;
  Group* c;
  std::int64_t ldc;
  std::int64_t columns;
  bool accumulate = false;            // c holds the sum of earlier chunks
  const SumFinish* finish = nullptr;  // of the last chunk, whose sums are complete; null leaves sums
  std::int64_t row = 0, column = 0;   // of c[0, 0] in the whole product, for the finish
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

inline void copy_block(std::int64_t rows, std::int64_t columns, const Group* from, std::int64_t from_stride, Group* to,
                       std::int64_t to_stride) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < columns; ++i) to[r * to_stride + i] = from[r * from_stride + i];
  }
}

/// Where a tile stands: panel p contributes the columns [0, Vectors * kLanes) from panels[p] on, which land in
/// c + p * kPanelWidth.
struct TilePlace {
  const Group* const* panels;
  Group* c;
  std::int64_t column;  // of c[0, 0] in the whole product
};

template <typename Product, int Rows, int Panels, int Vectors>
using TileSums = typename Product::Sum[Rows][Panels][Vectors];

/// Sums of one chunk -> c, added to those of the chunks before.
template <typename Product, bool Accumulate, int Rows, int Panels, int Vectors>
inline void store_sums(const GroupOperands& op, const TilePlace& place,
                       const TileSums<Product, Rows, Panels, Vectors>& sums) {
  using Sum = typename Product::Sum;
  Group* c = place.c;
  const std::int64_t ldc = op.ldc;
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r, c += ldc) {
#pragma GCC unroll 16
    for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) {
        Group* to = c + p * kPanelWidth + v * kLanes;
        store_sum(to, Accumulate ? load_sum(to, Sum{}) + sums[r][p][v] : sums[r][p][v]);
      }
    }
  }
}

/// The same for the last chunk: what is stored are products.
template <typename Product, bool Accumulate, int Rows, int Panels, int Vectors>
inline void store_products(const GroupOperands& op, const TilePlace& place,
                           const TileSums<Product, Rows, Panels, Vectors>& sums) {
  using Sum = typename Product::Sum;
  const SumFinish finish = *op.finish;
  const std::int64_t ldc = op.ldc, row = op.row;
#pragma GCC unroll 16
  for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
    for (int v = 0; v < Vectors; ++v) {
      const std::int64_t offset = p * kPanelWidth + v * kLanes;
      const FinishColumns of = finish_columns(finish, place.column + offset, Sum{});
      Group* to = place.c + offset;
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r, to += ldc) {
        const Sum sum = Accumulate ? load_sum(to, Sum{}) + sums[r][p][v] : sums[r][p][v];
        const Float product = product_of(finish, of, row + r, sum);
        store_sum(to, finish.bias != nullptr ? product + of.bias : product);
      }
    }
  }
}

template <typename Product, int Rows, int Panels, int Vectors>
inline void store_tile(const GroupOperands& op, const TilePlace& place,
                       const TileSums<Product, Rows, Panels, Vectors>& sums) {
  if (op.finish == nullptr) {
    op.accumulate ? store_sums<Product, true, Rows, Panels, Vectors>(op, place, sums)
                  : store_sums<Product, false, Rows, Panels, Vectors>(op, place, sums);
  } else {
    op.accumulate ? store_products<Product, true, Rows, Panels, Vectors>(op, place, sums)
                  : store_products<Product, false, Rows, Panels, Vectors>(op, place, sums);
  }
}

/// One chunk. Stride: distance of the rows of `a` when it is known, which saves a register per row; else 0 for op.lda.
/// A function of its own: inlined, the registers of its callers would be in the way.
template <typename Product, int Rows, int Panels, int Vectors, std::int64_t Stride>
[[gnu::noinline]] void tile(const GroupOperands& op, const TilePlace& place) {
  TileSums<Product, Rows, Panels, Vectors> sums = {};
  const std::int64_t lda = Stride > 0 ? Stride : op.lda;
  const Group* a = op.a;
  const Group* panel[Panels];
#pragma GCC unroll 16
  for (int p = 0; p < Panels; ++p) panel[p] = place.panels[p];
  if constexpr (Panels == 1) prefetch_block<Rows, Vectors>(place.c, op.ldc);
  for (const Group* const end = a + op.k; a < end; ++a) {
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
  store_tile<Product, Rows, Panels, Vectors>(op, place, sums);
}

/// A tile of which only the first `columns` columns of one panel exist: in a block of its own.
template <typename Product, int Rows, int Vectors, std::int64_t Stride>
[[gnu::noinline]] void edge_tile(const GroupOperands& op, const TilePlace& place, std::int64_t columns) {
  constexpr std::int64_t kWidth = Vectors * kLanes;
  alignas(64) Group block[Rows * kWidth] = {};
  float bias[kWidth] = {};
  GroupOperands edge = op;
  edge.ldc = kWidth;
  if (op.accumulate) copy_block(Rows, columns, place.c, op.ldc, block, kWidth);
  SumFinish finish;
  if (op.finish != nullptr) {
    finish = *op.finish;
    edge.finish = &finish;
    if (finish.bias != nullptr) {
      for (std::int64_t i = 0; i < columns; ++i) bias[i] = finish.bias[place.column + i];
      finish.bias = bias;
    }
    if (finish.column_scales != nullptr) finish.column_scales += place.column;
    if (finish.column_sums != nullptr) finish.column_sums += place.column;
  }
  tile<Product, Rows, 1, Vectors, Stride>(edge, {place.panels, block, 0});
  copy_block(Rows, columns, block, kWidth, place.c, op.ldc);
}

// --- many rows: copied to a buffer, panel by panel ---

/// Rows of a chunk in the buffer; not a multiple of 4 KiB, so that they do not compete for one set of the cache.
constexpr std::int64_t kRowStride = kReadyRowStride;
static_assert(kRowStride >= kSumChunk && kRowStride % 1024 != 0);

/// The columns of one panel from column `first` of op on, `columns` of them.
template <typename Product, int Rows, int Vectors>
void panel_tiles(const GroupOperands& op, const Group* panel, std::int64_t first, std::int64_t columns) {
  constexpr std::int64_t kWidth = Vectors * kLanes;
  for (std::int64_t done = 0; done < columns; done += kWidth, panel += kWidth) {
    const TilePlace place{&panel, op.c + first + done, op.column + first + done};
    if (columns - done >= kWidth) {
      tile<Product, Rows, 1, Vectors, kRowStride>(op, place);
    } else {
      edge_tile<Product, Rows, Vectors, kRowStride>(op, place, columns - done);
    }
  }
}

/// All panels times the `rows` rows in the buffer.
template <typename Product, int Rows = kTileRows>
void buffered_tiles(std::int64_t rows, const GroupOperands& op) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return buffered_tiles<Product, Rows - 1>(rows, op);
  }
  // Few rows need more vectors side by side to hide the latency of fma.
  constexpr int kWide = kLanes == 16 || Rows > 2 ? kTileVectors : Rows == 2 ? 4 : kPanelWidth / kLanes;
  constexpr int kNarrow = kLanes == 16 ? 1 : kTileVectors;  // for panels stored 16 wide
  const Group* const* panel = op.panels;
  for (std::int64_t first = 0; first < op.columns; first += op.width, ++panel) {
    const std::int64_t columns = smaller(op.width, op.columns - first);
    if (op.width == kPanelWidth) {
      panel_tiles<Product, Rows, kWide>(op, *panel, first, columns);
    } else {
      panel_tiles<Product, Rows, kNarrow>(op, *panel, first, columns);
    }
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
  if (op.lda == kRowStride) return buffered_tiles<Product>(rows, op);
  alignas(64) Group buffer[kTileRows * kRowStride];
  copy_rows(rows, op.a, op.lda, op.k, buffer);
  op.a = buffer;
  buffered_tiles<Product>(rows, op);
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
std::int64_t few_rows_tiles(std::int64_t rows, std::int64_t count, const GroupOperands& op) {
  if constexpr (Rows == 0) {
    return 0;
  } else {
    if (rows < Rows) return few_rows_tiles<Product, Rows - 1>(rows, count, op);
    constexpr int kStep = kPanelsAtOnce<Rows>;
    std::int64_t done = 0;
    for (; done + kStep <= count; done += kStep) {
      const std::int64_t first = done * kPanelWidth;
      tile<Product, Rows, kStep, kPanelWidth / kLanes, 0>(op, {op.panels + done, op.c + first, op.column + first});
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
    op.column += done * kPanelWidth;
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
