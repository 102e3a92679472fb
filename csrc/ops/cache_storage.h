// How one block of a key/value cache lies in memory, and how positions get into it.
#pragma once

#include "kernels/table.h"
#include "pyseq/tensor.h"

namespace pyseq {

/// Of every head in turn: keys [head_dim][32], values [32][value_stride], and for int8 scales [64] of keys and values.
struct CacheLayout {
  std::int64_t heads, head_dim, value_dim;
  DType dtype;

  KeyStorage storage() const;
  std::int64_t value_stride() const;  // narrow values are padded, so that whole vectors may be read
  std::size_t value_offset() const;   // in bytes, from the keys of a head
  std::size_t scale_offset() const;
  std::size_t head_bytes() const;
  std::size_t block_bytes() const { return head_bytes() * static_cast<std::size_t>(heads); }

  /// Writes `count` positions from `lane` on, all within the block. `head` points to the block's part of one head;
  /// strides are between positions of row-major keys and values.
  void write(std::byte* head, std::int64_t lane, std::int64_t count, const float* key, std::int64_t key_stride,
             const float* value, std::int64_t value_stride) const;
};

}  // namespace pyseq
