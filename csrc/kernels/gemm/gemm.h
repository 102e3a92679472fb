// gemm_f32: matrix product with packed weights, bias and activation.
#pragma once

#include "kernels/gemm/args.h"
#include "kernels/gemm/tile.h"
#include "kernels/vector/elementwise.h"

namespace pyseq {
namespace {

constexpr std::int64_t kNarrowWidth = 16;  // of a panel with at most so many columns (base/packing.h)

/// Bias and activation, with the roundings that `add` and `activation` have.
inline void finish_rows(const GemmF32& g, std::int64_t rows, std::int64_t first_column, std::int64_t columns,
                        float* c) {
  for (std::int64_t r = 0; r < rows; ++r, c += g.ldc) {
    if (g.bias != nullptr) add(columns, c, g.bias + first_column, c);
    activate(g.activation, columns, c, c);
  }
}

/// The columns [first_column, first_column + columns), whose panels all have `width` columns in storage.
inline void multiply_panels(const GemmF32& g, std::int64_t first_column, std::int64_t columns, std::int64_t width) {
  // Rows are spread evenly over tiles: a tile of one or two rows would be bound by the latency of fma.
  const std::int64_t tiles = (g.m + kTileRows - 1) / kTileRows;
  const std::int64_t rows_per_tile = tiles == 0 ? 0 : (g.m + tiles - 1) / tiles;
  // Many rows take one panel at a time, which then stays in the cache.
  const std::int64_t panels_at_once = g.m <= kFewRows ? kMostPanelsAtOnce : 1;
  const std::int64_t step = panels_at_once * width;
  for (std::int64_t column = first_column; column < first_column + columns; column += step) {
    const float* panels[kMostPanelsAtOnce];
    for (std::int64_t p = 0; p < panels_at_once; ++p) panels[p] = g.b + (column + p * width) * g.k;
    const std::int64_t count = smaller(step, first_column + columns - column);
    for (std::int64_t row = 0; row < g.m; row += rows_per_tile) {
      const std::int64_t rows = smaller(rows_per_tile, g.m - row);
      float* c = g.c + row * g.ldc + column;
      row_tile(rows, {g.a + row * g.lda, g.lda, panels, width, g.k, c, g.ldc, count});
      finish_rows(g, rows, column, count, c);
    }
  }
}

void gemm_f32(const GemmF32* args) {
  const GemmF32& g = *args;
  const std::int64_t rest = g.n % g.panel;
  const bool narrow_rest = g.panel == kPanelWidth && rest > 0 && rest <= kNarrowWidth;
  const std::int64_t whole = narrow_rest ? g.n - rest : g.n;
  multiply_panels(g, 0, whole, g.panel);
  if (narrow_rest) multiply_panels(g, whole, rest, kNarrowWidth);
}

}  // namespace
}  // namespace pyseq
