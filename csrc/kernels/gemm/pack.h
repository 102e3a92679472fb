// Operands of a product that stand row-major: pack_f32 and transpose_f32 lay them out, gemm_row_major_f32 multiplies.
#pragma once

#include "kernels/gemm/args.h"
#include "kernels/gemm/gemm.h"
#include "kernels/vector/transpose.h"

namespace pyseq {
namespace {

/// y[column][row] = x[row][column] of kLanes x kLanes values.
inline void transpose_whole_block(const float* x, std::int64_t x_stride, float* y, std::int64_t y_stride) {
  Float block[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) block[i] = load(x + i * x_stride);
  transpose_block(block);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) store(y + i * y_stride, block[i]);
}

/// The same where rows and columns end; `padded_rows` of y are written.
inline void transpose_edge_block(std::int64_t rows, std::int64_t columns, const float* x, std::int64_t x_stride,
                                 float* y, std::int64_t y_stride, std::int64_t padded_rows) {
  Float block[kLanes] = {};
  for (int i = 0; i < kLanes && i < rows; ++i) block[i] = load(x + i * x_stride, columns);
  transpose_block(block);
  for (int i = 0; i < kLanes && i < columns; ++i) store(y + i * y_stride, block[i], padded_rows);
}

/// y[column * y_stride + row] = x[row * x_stride + column]; zeros for the rows from `rows` up to `padded_rows`.
inline void transpose(std::int64_t rows, std::int64_t columns, const float* x, std::int64_t x_stride, float* y,
                      std::int64_t y_stride, std::int64_t padded_rows) {
  for (std::int64_t row = 0; row < padded_rows; row += kLanes) {
    for (std::int64_t column = 0; column < columns; column += kLanes) {
      const float* from = x + row * x_stride + column;
      float* to = y + column * y_stride + row;
      if (row + kLanes <= rows && column + kLanes <= columns) {
        transpose_whole_block(from, x_stride, to, y_stride);
      } else {
        transpose_edge_block(rows - row, columns - column, from, x_stride, to, y_stride, padded_rows - row);
      }
    }
  }
}

void transpose_f32(const TransposeF32* args) {
  transpose(args->rows, args->columns, args->x, args->x_stride, args->y, args->y_stride, args->rows);
}

/// Width in storage of the panel that starts at `column` (base/packing.h).
inline std::int64_t width_of_panel(std::int64_t column, std::int64_t n) {
  return n - column <= kNarrowWidth ? kNarrowWidth : kPanelWidth;
}

/// b [k, n]: a whole row at a time, since panels of a row are neighbours in memory.
inline void pack_rows(const PackF32& p) {
  for (std::int64_t k = 0; k < p.k; ++k) {
    const float* row = p.b + k * p.stride;
    for (std::int64_t column = 0; column < p.n; column += kPanelWidth) {
      const std::int64_t width = width_of_panel(column, p.n);
      float* out = p.panels + column * p.k + k * width;
      for (std::int64_t i = 0; i < width; i += kLanes) store(out + i, load(row + column + i, p.n - column - i));
    }
  }
}

/// b [n, k], as weights stand.
inline void pack_columns(const PackF32& p) {
  for (std::int64_t column = 0; column < p.n; column += kPanelWidth) {
    const std::int64_t width = width_of_panel(column, p.n), columns = smaller(width, p.n - column);
    transpose(columns, p.k, p.b + column * p.stride, p.stride, p.panels + column * p.k, width, width);
  }
}

void pack_f32(const PackF32* args) {
  args->transposed ? pack_columns(*args) : pack_rows(*args);
}

/// The first columns, as many as few_rows_tiles takes, read where they stand. Returns how many that is.
inline std::int64_t multiply_in_place(const GemmF32& g, std::int64_t b_stride) {
  const SumFinish finish{.bias = g.epilogue.bias};
  std::int64_t column = 0;
  while (g.m <= kFewRows && column < g.n) {
    const std::int64_t count = smaller(kMostPanels, (g.n - column) / kPanelWidth);
    const Group* b = reinterpret_cast<const Group*>(g.b) + column;
    const Group* panels[kMostPanels];
    for (std::int64_t p = 0; p < count; ++p) panels[p] = b + p * kPanelWidth;
    // What the tile knows as the width of a panel is the distance from one k to the next.
    const std::int64_t done = few_rows_tiles<Float32Product>(g.m, count,
                                                             {.a = reinterpret_cast<const Group*>(g.a),
                                                              .lda = g.lda,
                                                              .panels = panels,
                                                              .width = b_stride,
                                                              .k = g.k,
                                                              .c = reinterpret_cast<Group*>(g.c) + column,
                                                              .ldc = g.ldc,
                                                              .columns = kPanelWidth,
                                                              .accumulate = g.accumulate,
                                                              .finish = &finish,
                                                              .column = column});
    if (done == 0) break;
    column += done * kPanelWidth;
  }
  if (column > 0) apply_epilogue(g.epilogue, {0, g.m, 0, column}, g.c, g.ldc);
  return column;
}

void gemm_row_major_f32(const GemmRowMajorF32* args) {
  GemmF32 rest = args->product;
  const std::int64_t done = multiply_in_place(rest, args->b_stride);
  if (done == rest.n) return;
  rest.n -= done;
  rest.b += done;
  rest.c += done;
  if (rest.epilogue.bias != nullptr) rest.epilogue.bias += done;
  if (rest.epilogue.residual != nullptr) rest.epilogue.residual += done;
  pack_rows({rest.k, rest.n, rest.b, args->b_stride, false, args->panels});
  rest.b = args->panels;
  gemm_f32(&rest);
}

}  // namespace
}  // namespace pyseq
