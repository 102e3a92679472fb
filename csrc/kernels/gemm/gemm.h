// gemm_f32, gemm_bf16, gemm_int8: matrix products with packed weights, bias, activation and residual.
#pragma once

#include "kernels/gemm/args.h"
#include "kernels/gemm/tile.h"
#include "kernels/vector/elementwise.h"

namespace pyseq {
namespace {

constexpr std::int64_t kNarrowWidth = 16;  // of a panel with at most so many columns (base/packing.h)

/// A product in groups of k, whatever the type of its values.
struct GroupProduct {
  std::int64_t m, n, k;
  const Group* a;
  std::int64_t lda;
  const Group* b;
  std::int64_t panel;
  Group* c;
  std::int64_t ldc;
  bool accumulate = false;
};

template <typename Gemm>
GroupProduct in_groups(const Gemm& g, std::int64_t values_per_group) {
  return {g.m,
          g.n,
          (g.k + values_per_group - 1) / values_per_group,
          reinterpret_cast<const Group*>(g.a),
          g.lda / values_per_group,
          reinterpret_cast<const Group*>(g.b),
          g.panel,
          reinterpret_cast<Group*>(g.c),
          g.ldc};
}

/// A block of c, whose products are complete.
struct FinishedBlock {
  std::int64_t row, rows, column, columns;
};

/// Activation and residual, with the roundings that `add` and `activation` have.
inline void apply_epilogue(const GemmEpilogue& epilogue, const FinishedBlock& block, float* c, std::int64_t ldc) {
  for (std::int64_t r = 0; r < block.rows; ++r) {
    float* y = c + (block.row + r) * ldc + block.column;
    activate(epilogue.activation, block.columns, y, y);
    if (epilogue.residual != nullptr) {
      const std::int64_t offset = (block.row + r) * epilogue.residual_stride + block.column;
      add(block.columns, y, epilogue.residual + offset, y);
    }
  }
}

/// The columns [first_column, first_column + columns), whose panels all have `width` columns in storage. The epilogue
/// follows each block of rows and panels while it is in the cache.
template <typename Product>
void multiply_panels(const GroupProduct& g, const SumFinish& finish, const GemmEpilogue& epilogue,
                     std::int64_t first_column, std::int64_t columns, std::int64_t width) {
  // Rows are spread evenly over tiles: a tile of one or two rows would be bound by the latency of fma.
  const std::int64_t tiles = (g.m + kTileRows - 1) / kTileRows;
  const std::int64_t rows_per_tile = tiles == 0 ? 0 : (g.m + tiles - 1) / tiles;
  const std::int64_t step = kMostPanels * width;
  for (std::int64_t column = first_column; column < first_column + columns; column += step) {
    const std::int64_t count = smaller(step, first_column + columns - column);
    // All rows take one chunk of k after the other: the panels' chunks stay in the second cache.
    for (std::int64_t begin = 0; begin == 0 || begin < g.k; begin += Product::kChunk) {
      const Group* panels[kMostPanels];
      for (std::int64_t p = 0; p < kMostPanels; ++p) panels[p] = g.b + (column + p * width) * g.k + begin * width;
      const std::int64_t depth = smaller(Product::kChunk, g.k - begin);
      const bool is_last = begin + depth == g.k;
      for (std::int64_t row = 0; row < g.m; row += rows_per_tile) {
        const std::int64_t rows = smaller(rows_per_tile, g.m - row);
        chunk_tile<Product>(rows, {.a = g.a + row * g.lda + begin,
                                   .lda = g.lda,
                                   .panels = panels,
                                   .width = width,
                                   .k = depth,
                                   .c = g.c + row * g.ldc + column,
                                   .ldc = g.ldc,
                                   .columns = count,
                                   .accumulate = g.accumulate || begin > 0,
                                   .finish = is_last ? &finish : nullptr,
                                   .row = row,
                                   .column = column});
        if (is_last) apply_epilogue(epilogue, {row, rows, column, count}, reinterpret_cast<float*>(g.c), g.ldc);
      }
    }
  }
}

template <typename Product>
void multiply(const GroupProduct& g, const SumFinish& finish, const GemmEpilogue& epilogue) {
  const std::int64_t rest = g.n % g.panel;
  const bool narrow_rest = g.panel == kPanelWidth && rest > 0 && rest <= kNarrowWidth;
  const std::int64_t whole = narrow_rest ? g.n - rest : g.n;
  multiply_panels<Product>(g, finish, epilogue, 0, whole, g.panel);
  if (narrow_rest) multiply_panels<Product>(g, finish, epilogue, whole, rest, kNarrowWidth);
}

void gemm_f32(const GemmF32* args) {
  GroupProduct product = in_groups(*args, 1);
  product.accumulate = args->accumulate;
  multiply<Float32Product>(product, {.bias = args->epilogue.bias}, args->epilogue);
}

void gemm_bf16(const GemmBf16* args) {
  multiply<Bfloat16Product>(in_groups(*args, 2), {.bias = args->epilogue.bias}, args->epilogue);
}

void gemm_int8(const GemmInt8* args) {
  const SumFinish finish{.bias = args->epilogue.bias,
                         .rows = args->rows,
                         .column_scales = args->column_scales,
                         .column_sums = args->column_sums};
  multiply<Int8Product>(in_groups(*args, 4), finish, args->epilogue);
}

}  // namespace
}  // namespace pyseq
