// Sums and moves of whole rows.
#pragma once

#include "kernels/embeddings/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

void mean_of_rows_f32(const MeanOfRowsF32* args) {
  for_row(args->width, [&](std::int64_t i, std::int64_t count) {
    Float sum{};
    for (std::int64_t row = 0; row < args->count; ++row) sum += load(args->rows[row] + i, count);
    store(args->mean + i, sum * args->scale, count);
  });
}

void spread_f32(const SpreadF32* args) {
  for_row(args->width, [&](std::int64_t i, std::int64_t count) {
    const Float move = load(args->after + i, count) - load(args->before + i, count);
    for (std::int64_t row = 0; row < args->count; ++row) {
      float* values = args->rows[row] + i;
      store(values, load(values, count) + move, count);
    }
  });
}

void merge_rows_f32(const MergeRowsF32* args) {
  const Float weight = broadcast(args->weight);
  for_row(args->width, [&](std::int64_t i, std::int64_t count) {
    Float sum{};
    for (std::int64_t k = 0; k < args->count; ++k)
      sum += load(args->after[k] + i, count) - load(args->before[k] + i, count);
    store(args->row + i, fma(weight, sum, load(args->row + i, count)), count);
  });
}

}  // namespace
}  // namespace pyseq
