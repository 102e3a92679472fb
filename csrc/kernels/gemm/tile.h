// The inner loop of gemm and of attention scores: a few rows of `a` times a few panels, with all sums in registers.
//
// Every element of c goes through the same roundings whatever the tile: k is cut every 256; a chunk's sum starts at
// zero and runs through fma in ascending k; the chunks' sums are added in ascending order.
#pragma once

#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

constexpr std::int64_t kSumChunk = 256;  // along k
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

/// c[Rows, Panels * columns] = a[Rows, k] * b. Panel p contributes the columns [0, Vectors * kLanes) from panels[p] on,
/// which land in c + p * kPanelWidth. Of the last panel only `columns` columns are written (all of the others).
struct TileOperands {
  const float* a;
  std::int64_t lda;
  const float* const* panels;
  std::int64_t width;  // of a panel in storage
  std::int64_t k;
  float* c;
  std::int64_t ldc;
  std::int64_t columns;
};

template <int Rows, int Panels, int Vectors>
void tile(const TileOperands& op) {
  for (std::int64_t begin = 0; begin == 0 || begin < op.k; begin += kSumChunk) {
    const std::int64_t end = smaller(begin + kSumChunk, op.k);
    Float sums[Rows][Panels][Vectors] = {};
    const float* a = op.a;
    const float* panel[Panels];
#pragma GCC unroll 16
    for (int p = 0; p < Panels; ++p) panel[p] = op.panels[p] + begin * op.width;
    for (std::int64_t k = begin; k < end; ++k) {
      Float b[Panels][Vectors];
#pragma GCC unroll 16
      for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) b[p][v] = load(panel[p] + v * kLanes);
        panel[p] += op.width;
      }
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const Float value = broadcast(a[r * op.lda + k]);
#pragma GCC unroll 16
        for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
          for (int v = 0; v < Vectors; ++v) sums[r][p][v] = fma(value, b[p][v], sums[r][p][v]);
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
      for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) {
          float* c = op.c + r * op.ldc + p * kPanelWidth + v * kLanes;
          const std::int64_t count = p + 1 < Panels ? kLanes : op.columns - v * kLanes;
          store(c, begin == 0 ? sums[r][p][v] : load(c, count) + sums[r][p][v], count);
        }
      }
    }
  }
}

/// One panel of `columns` <= 32 columns times `rows` <= kTileRows rows.
template <int Rows = kTileRows>
void panel_tile(std::int64_t rows, TileOperands op) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return panel_tile<Rows - 1>(rows, op);
  }
  // Few rows need more vectors side by side to hide the latency of fma.
  constexpr int kWide = kLanes == 16 || Rows > 2 ? kTileVectors : Rows == 2 ? 4 : kPanelWidth / kLanes;
  constexpr int kNarrow = kLanes == 16 ? 1 : kTileVectors;  // for panels stored 16 wide
  const float* panel = op.panels[0];
  op.panels = &panel;
  const auto advance = [&](std::int64_t step) {
    panel += step;
    op.c += step;
    op.columns -= step;
  };
  if (op.width == kPanelWidth) {
    for (; op.columns > 0; advance(kWide * kLanes)) tile<Rows, 1, kWide>(op);
  } else {
    for (; op.columns > 0; advance(kNarrow * kLanes)) tile<Rows, 1, kNarrow>(op);
  }
}

/// So few rows take several whole panels at a time: independent streams hide the latency of fma and of memory.
constexpr int kFewRows = kLanes == 16 ? 4 : kLanes == 8 ? 1 : 0;
template <int Rows>
constexpr int kPanelsAtOnce = kLanes < 16 ? 2
                              : Rows == 1 ? 8
                              : Rows <= 3 ? 4
                                          : 2;
constexpr int kMostPanelsAtOnce = 8;

/// As many of `count` whole panels as kPanelsAtOnce divides, for rows <= kFewRows. Returns how many that is.
template <int Rows = kFewRows>
std::int64_t few_rows_tiles(std::int64_t rows, std::int64_t count, TileOperands op) {
  if constexpr (Rows == 0) {
    return 0;
  } else {
    if (rows < Rows) return few_rows_tiles<Rows - 1>(rows, count, op);
    constexpr int kStep = kPanelsAtOnce<Rows>;
    std::int64_t done = 0;
    for (op.columns = kPanelWidth; done + kStep <= count; done += kStep) {
      tile<Rows, kStep, kPanelWidth / kLanes>(op);
      op.panels += kStep;
      op.c += kStep * kPanelWidth;
    }
    return done;
  }
}

/// rows <= kTileRows rows times consecutive panels of one width, op.columns columns in all.
inline void row_tile(std::int64_t rows, TileOperands op) {
  const auto advance = [&op](std::int64_t panels) {
    op.panels += panels;
    op.c += panels * op.width;
    op.columns -= panels * op.width;
  };
  if (rows <= kFewRows && op.width == kPanelWidth) advance(few_rows_tiles(rows, op.columns / kPanelWidth, op));
  for (; op.columns > 0; advance(1)) {
    TileOperands panel = op;
    panel.columns = smaller(op.columns, op.width);
    panel_tile(rows, panel);
  }
}

}  // namespace
}  // namespace pyseq
