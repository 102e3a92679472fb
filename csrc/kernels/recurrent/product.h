// The recurrent product of some unit blocks: sums of a W_hh^T, in any storage type.
#pragma once

#include "kernels/gemm/tile.h"
#include "kernels/recurrent/blocks.h"

namespace pyseq {
namespace {

/// Panels that follow each other in storage and whose columns follow each other in the result.
struct PanelRun {
  std::int64_t column, count, width;
};

/// One row times `Panels` panels, all sums in registers. The roundings are those of every other tile.
template <typename Product, int Panels, int Vectors>
void one_row(const Group* a, const Group* panels, std::int64_t depth, std::int64_t width, Group* c) {
  using Sum = typename Product::Sum;
  for (std::int64_t begin = 0; begin == 0 || begin < depth; begin += Product::kChunk) {
    const std::int64_t end = smaller(begin + Product::kChunk, depth);
    Sum sums[Panels][Vectors] = {};
    const Group* panel[Panels];
#pragma GCC unroll 16
    for (int p = 0; p < Panels; ++p) panel[p] = panels + (p * depth + begin) * width;
    for (std::int64_t k = begin; k < end; ++k) {
      const Int value = broadcast(std::int32_t{a[k]});
#pragma GCC unroll 16
      for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
        for (int v = 0; v < Vectors; ++v) {
          sums[p][v] = Product::add(sums[p][v], value, load_bits(panel[p] + v * kLanes));
        }
        panel[p] += width;
      }
    }
#pragma GCC unroll 16
    for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 16
      for (int v = 0; v < Vectors; ++v) {
        Group* to = c + p * width + v * kLanes;
        store_sum(to, begin == 0 ? sums[p][v] : load_sum(to, Sum{}) + sums[p][v]);
      }
    }
  }
}

/// One row by as many panels at a time as the registers of the tier hold.
template <typename Product>
void one_row_run(const Group* a, const Group* panels, std::int64_t depth, const PanelRun& run, Group* c) {
  const bool wide = run.width == kPanelWidth;
  constexpr int kWide = kPanelWidth / kLanes, kNarrow = kWide / 2;
  const std::int64_t panel_size = depth * run.width;
  std::int64_t p = 0;
  const auto advance = [&](std::int64_t count) {
    p += count;
    panels += count * panel_size;
    c += count * run.width;
  };
  if constexpr (kLanes == 16) {
    while (run.count - p >= 4) {
      wide ? one_row<Product, 4, kWide>(a, panels, depth, run.width, c)
           : one_row<Product, 4, kNarrow>(a, panels, depth, run.width, c);
      advance(4);
    }
    if (run.count - p == 3) {
      wide ? one_row<Product, 3, kWide>(a, panels, depth, run.width, c)
           : one_row<Product, 3, kNarrow>(a, panels, depth, run.width, c);
      advance(3);
    }
  }
  if constexpr (kLanes >= 8) {
    while (run.count - p >= 2) {
      wide ? one_row<Product, 2, kWide>(a, panels, depth, run.width, c)
           : one_row<Product, 2, kNarrow>(a, panels, depth, run.width, c);
      advance(2);
    }
  }
  while (p < run.count) {
    wide ? one_row<Product, 1, kWide>(a, panels, depth, run.width, c)
         : one_row<Product, 1, kNarrow>(a, panels, depth, run.width, c);
    advance(1);
  }
}

/// Several rows, spread evenly over tiles.
template <typename Product>
void many_rows_run(const RecurrentStep& step, const GroupOperands& first, const PanelRun& run) {
  const std::int64_t tiles = (step.rows + kTileRows - 1) / kTileRows;
  const std::int64_t rows_per_tile = (step.rows + tiles - 1) / tiles;
  const Group* panels[kMostPanels];
  for (std::int64_t p = 0; p < run.count; ++p) panels[p] = first.panels[0] + p * first.k * run.width;
  for (std::int64_t row = 0; row < step.rows; row += rows_per_tile) {
    GroupOperands op = first;
    op.a += row * op.lda;
    op.panels = panels;
    op.c += row * op.ldc;
    group_row_tile<Product>(smaller(rows_per_tile, step.rows - row), op);
  }
}

/// The sums of a run of at most kMostPanels panels -> their columns of h_gates. `PerGroup` values of k make a group.
template <typename Product, int PerGroup>
void multiply_run(const RecurrentStep& step, const PanelRun& run) {
  const std::int64_t depth = (step.k + PerGroup - 1) / PerGroup;
  const Group* a = static_cast<const Group*>(step.a);
  const Group* panels = static_cast<const Group*>(step.panels) + run.column * depth;
  Group* c = reinterpret_cast<Group*>(step.h_gates) + run.column;
  if (step.rows == 1) return one_row_run<Product>(a, panels, depth, run, c);
  many_rows_run<Product>(step,
                         {.a = a,
                          .lda = step.a_stride / PerGroup,
                          .panels = &panels,
                          .width = run.width,
                          .k = depth,
                          .c = c,
                          .ldc = step.columns,
                          .columns = run.count * run.width},
                         run);
}

}  // namespace
}  // namespace pyseq
