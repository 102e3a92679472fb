// Statistics of columns and what is made of them: batch normalisation. Sums go on from what is there, row by row: a
// column has one order, however the rows are handed over.
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

/// sums = step(sums, x, column, count) over all rows, `Vectors` vectors of columns side by side.
template <int Vectors, typename Step>
inline void accumulate_columns(const AccumulateF32& args, std::int64_t column, std::int64_t count, Step step) {
  Float sums[Vectors];
  const auto width = [=](int part) { return count - part * kLanes; };
#pragma GCC unroll 4
  for (int part = 0; part < Vectors; ++part) sums[part] = load(args.sums + column + part * kLanes, width(part));
  const float* x = args.x + column;
  for (std::int64_t row = 0; row < args.rows; ++row, x += args.stride) {
#pragma GCC unroll 4
    for (int part = 0; part < Vectors; ++part) {
      sums[part] = step(sums[part], load(x + part * kLanes, width(part)), column + part * kLanes, width(part));
    }
  }
#pragma GCC unroll 4
  for (int part = 0; part < Vectors; ++part) store(args.sums + column + part * kLanes, sums[part], width(part));
}

template <typename Step>
inline void accumulate(const AccumulateF32& args, Step step) {
  std::int64_t column = 0;
  for (; column + 4 * kLanes <= args.columns; column += 4 * kLanes) {
    accumulate_columns<4>(args, column, 4 * kLanes, step);
  }
  for (; column < args.columns; column += kLanes) accumulate_columns<1>(args, column, args.columns - column, step);
}

void accumulate_f32(const AccumulateF32* args) {
  accumulate(*args, [](Float sum, Float x, std::int64_t, std::int64_t) { return sum + x; });
}
void accumulate_squares_f32(const AccumulateF32* args) {
  accumulate(*args, [args](Float sum, Float x, std::int64_t column, std::int64_t count) {
    const Float deviation = x - load(args->mean + column, count);
    return fma(deviation, deviation, sum);
  });
}

void scale_columns_f32(const ScaleColumnsF32* args) {
  for (std::int64_t row = 0; row < args->rows; ++row) {
    const float* x = args->x + row * args->columns;
    float* y = args->y + row * args->columns;
    for_row(args->columns, [=](std::int64_t i, std::int64_t count) {
      const Float deviation = load(x + i, count) - load(args->mean + i, count);
      store(y + i, fma(deviation, load(args->scale + i, count), load(args->shift + i, count)), count);
    });
  }
}

}  // namespace
}  // namespace pyseq
