// KvCache: keys and values of one attention layer that grow along time, for a set of rows (streams or beams).
//
// Storage is cut into blocks of 32 positions, each with a reference count; a row owns a table of blocks. reorder()
// copies tables, not blocks; appending to a block that several rows share copies that block first. Keys of a block are
// stored as panels [heads][head_dim][32] and values as [heads][32][value_dim]: what attention_f32 reads in place.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pyseq/tensor.h"

namespace pyseq {

class KvCache {
 public:
  KvCache(std::int64_t heads, std::int64_t head_dim, std::int64_t value_dim, std::int64_t rows);
  ~KvCache();
  KvCache(KvCache&&) noexcept;
  KvCache& operator=(KvCache&&) noexcept;
  /// A copy shares the blocks until one side appends.
  KvCache(const KvCache&);
  KvCache& operator=(const KvCache&);

  std::int64_t rows() const;
  std::int64_t heads() const;
  std::int64_t head_dim() const;
  std::int64_t value_dim() const;
  std::int64_t length(std::int64_t row) const;  // positions held by a row
  std::int64_t max_length() const;

  /// Adds `time` positions to every row. key [rows, time, heads * head_dim], value [rows, time, heads * value_dim].
  /// `lengths` [rows] (may be empty): only the first lengths[r] positions of row r are added. Strong guarantee.
  void append(const Tensor& key, const Tensor& value, std::span<const std::int64_t> lengths = {});

  /// Row r of the result is row parents[r]; the number of rows may change. IndexError: a parent out of range.
  void reorder(std::span<const std::int64_t> parents);
  /// Forgets positions from `length` on, in every row that has more. ValueError: a negative length.
  void truncate(std::int64_t length);
  /// The same with a length per row: takes back an append.
  void truncate(std::span<const std::int64_t> lengths);

  /// Pointers for attention_f32, one per block of 32 positions of `row`: key panel and values of `head`.
  void blocks(std::int64_t row, std::int64_t head, std::vector<const float*>& keys,
              std::vector<const float*>& values) const;

  std::size_t bytes() const;  // of the distinct blocks held

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pyseq
