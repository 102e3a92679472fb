// Arguments of the kernels that train word vectors. Rows of a window are padded with zeros to `width`, a multiple of 16
// values; rows that `rows` or `row` name elsewhere have any width.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

/// The input and output rows that meet in one window, and a value per pair: values[o · inputs + i].
struct WindowF32 {
  std::int64_t width, inputs, outputs;  // inputs: at most kMostInputs
  float* const* input;
  float* const* output;
  float* values;
};
constexpr std::int64_t kMostInputs = 64;

/// Scores become steps: values = rate · (label of the output - σ(score)). loss (null: not wanted) += Σ -log σ(±score).
struct LogisticF32 {
  std::int64_t inputs, outputs;
  const std::uint8_t* labels;  // [outputs], 1 or 0
  float rate;
  float* values;
  float* loss;
};

/// mean = scale · Σ rows
struct MeanOfRowsF32 {
  std::int64_t width, count;
  const float* const* rows;
  float scale;
  float* mean;
};
/// Every row += after - before. Rows may be named twice.
struct SpreadF32 {
  std::int64_t width, count;
  const float* after;
  const float* before;
  float* const* rows;
};
/// row += weight · Σ (after_k - before_k), k ascending. before_k may be the row.
struct MergeRowsF32 {
  std::int64_t width, count;
  const float* const* after;
  const float* const* before;
  float weight;
  float* row;
};

/// How often two words met, as GloVe fits it: log x, and the weight of its error.
struct GloveEntry {
  std::int32_t row, column;
  float log_count, weight;
};
/// For every entry, d = weight · (w · c - log_count), rate · clip(d · the other row) is the gradient of each row;
/// value -= gradient / √sum; sum += gradient². loss += Σ ½ weight (w · c - log_count)². A bias is a value whose
/// opposite is 1; that one stays, its sum being infinite.
struct GloveF32 {
  std::int64_t width, count;
  const GloveEntry* entries;
  float* words;
  float* contexts;
  float* word_sums;
  float* context_sums;
  float rate, clip;
  double* loss;
};

#define PYSEQ_EMBEDDINGS_KERNELS(X)  \
  X(window_scores_f32, WindowF32)    \
  X(window_update_f32, WindowF32)    \
  X(logistic_steps_f32, LogisticF32) \
  X(mean_of_rows_f32, MeanOfRowsF32) \
  X(spread_f32, SpreadF32)           \
  X(merge_rows_f32, MergeRowsF32)    \
  X(glove_f32, GloveF32)

struct EmbeddingsKernels {
  PYSEQ_EMBEDDINGS_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
