// Arguments of attention.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

/// How keys and values are stored. Arithmetic is float32 always.
enum class KeyStorage : std::uint8_t { float32, bfloat16, int8 };

constexpr std::int64_t kAttentionKeyChunk = 256;
constexpr std::int64_t kAttentionKeyBlock = 32;
constexpr std::int64_t kAttentionMaxRows = 12;   // that a tier takes together
constexpr std::int64_t kAttentionValuePad = 16;  // narrow values are readable up to a multiple of this

/// Keys and values of the positions [begin, end), which lie in one block of 32. Both pointers are those of the whole
/// block: position p stands in lane p % 32 of the panel and in row p % 32 of the values.
struct KeyPart {
  const void* keys;     // [head_dim][32]
  const void* values;   // [32][value_stride]
  const float* scales;  // int8 only: of the block's 32 keys, then of its 32 values
  std::int64_t begin, end;
};

/// out[r] = softmax(scale q[r] K^T + bias[r] + slopes[r] * position) V over the keys key_begins[r] ... key_ends[r] - 1,
/// with an online softmax in chunks of 256 keys. What lies outside of them may be anything, NaN included. No visible
/// key: zeros. Parts follow each other without gaps from position 0 on.
struct AttentionRun {
  KeyStorage storage;
  std::int64_t rows, head_dim, value_dim;
  const float* q;
  std::int64_t q_stride;
  const KeyPart* parts;
  std::int64_t part_count;
  std::int64_t value_stride;       // in elements
  const std::int64_t* key_begins;  // null: all zero
  const std::int64_t* key_ends;
  std::int64_t range_stride;  // 1, or 0 when all rows see the same keys
  float scale;
  const float* bias;  // [rows, bias_stride] or null, one value per position
  std::int64_t bias_stride;
  const float* slopes;  // or null
  std::int64_t slope_stride;
  float* out;
  std::int64_t out_stride;
  float* weights;  // [rows, weights_stride] or null; entries of keys that a row does not see are set to zero
  std::int64_t weights_stride;
  std::int64_t weights_count;
  float*
      logsumexp;   // [rows] or null: ln Σ e^score, the slopes counted from the last key that a row sees; -inf for none
  float* scratch;  // attention_scratch_size(head_dim, value_dim) values
};
/// Scaled queries, scores of one chunk and of one block, products with the values, for the rows taken together.
static constexpr std::int64_t attention_scratch_size(std::int64_t head_dim, std::int64_t value_dim) {
  return kAttentionMaxRows * (head_dim + kAttentionKeyChunk + kAttentionKeyBlock + value_dim);
}

constexpr std::int64_t kAttentionGradientKeys = 128;  // keys that are worked on together, at most

/// Some queries and the keys of the positions [first, first + columns): products become probabilities and gradients.
/// Columns that a query does not see get zeros. Matrices of scores have kAttentionGradientKeys columns in memory.
struct ScoreGradientRun {
  std::int64_t rows, columns, first;
  float* scores;                   // in: q · k; out: the probabilities
  float* gradients;                // in: those of the probabilities; out: scale * those of the scores
  const std::int64_t* key_begins;  // [rows] or null: all zero
  const std::int64_t* key_ends;    // [rows]
  float scale;
  const float* bias;  // of position `first`, [rows, bias_stride] or null
  std::int64_t bias_stride;
  float slope;             // 0 for none
  const float* logsumexp;  // [rows], as `attention` gives it
  const float* delta;      // [rows]: Σ gradient * probability, which is dy · y
  float* dbias;            // of position `first`, [rows, dbias_stride] or null: what comes is added
  std::int64_t dbias_stride;
  float* dslope;  // or null: what comes is added
};

/// dots[r] = a[r] · b[r], rows of `size` values at `stride`.
struct DotRows {
  std::int64_t rows, size, stride;
  const float* a;
  const float* b;
  float* dots;
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_ATTENTION_KERNELS(X)    \
  X(attention, AttentionRun)          \
  X(score_gradient, ScoreGradientRun) \
  X(dot_rows, DotRows)

struct AttentionKernels {
  PYSEQ_ATTENTION_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
