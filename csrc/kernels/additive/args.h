// Arguments of additive attention, for one query.
// Compiled into every tier: plain data only, no STL, no inline functions with external linkage.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

/// out = Σ p value, p = softmax(Σ weight tanh(query + key)) over the keys. No keys: zeros.
struct AdditiveAttentionF32 {
  std::int64_t keys, width, value_width;
  const float* query;    // [width]
  const float* key;      // [keys, width]
  const float* value;    // [keys, value_width]
  const float* weight;   // [width]
  float* probabilities;  // [keys]
  float* out;            // [value_width]
};

/// Its gradients, from those of out and of the probabilities. All are added to what is there.
struct AdditiveAttentionGradientF32 {
  std::int64_t keys, width, value_width;
  const float* query;
  const float* key;
  const float* value;
  const float* weight;
  const float* probabilities;   // as the forward left them
  const float* dout;            // [value_width] or null: zero
  const float* dprobabilities;  // [keys] or null: zero
  float* dscores;               // [keys], scratch
  float* dquery;                // [width]
  float* dkey;                  // [keys, width]
  float* dvalue;                // [keys, value_width] or null: not wanted
  float* dweight;               // [width]
};

// One line per kernel: name, argument type. Every kernel takes one pointer to its arguments and returns nothing.
#define PYSEQ_ADDITIVE_KERNELS(X)                 \
  X(additive_attention_f32, AdditiveAttentionF32) \
  X(additive_attention_gradient_f32, AdditiveAttentionGradientF32)

struct AdditiveKernels {
  PYSEQ_ADDITIVE_KERNELS(PYSEQ_DECLARE_KERNEL)
};

}  // namespace pyseq
