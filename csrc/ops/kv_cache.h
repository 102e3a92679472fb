// KvCache: keys and values of one attention layer that grow along time, for a set of rows (streams or beams).
//
// Storage is cut into blocks of 32 positions, each with a reference count. A row owns a table of parts: ranges of
// positions and the block that holds each of them, so that one block of positions may stand in several blocks of
// memory, written by the row's ancestors. reorder() copies tables; nothing copies positions. Of rows that share a block
// the first one to append goes on in it, the others start blocks of their own, whose first lanes stay unused.
//
// Keys of a block are stored as panels [head_dim][32] and values as [32][value_stride], head by head: what the
// attention kernel reads in place. int8 keeps one scale per position and head, for keys and for values.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/table.h"
#include "pyseq/tensor.h"

namespace pyseq {

class KvCache {
 public:
  /// dtype: float32, bfloat16 or int8. ValueError: another one, or sizes out of range.
  KvCache(std::int64_t heads, std::int64_t head_dim, std::int64_t value_dim, std::int64_t rows,
          DType dtype = DType::float32);
  ~KvCache();
  KvCache(KvCache&&) noexcept;
  KvCache& operator=(KvCache&&) noexcept;
  /// A copy shares the blocks; what either side appends goes to new ones.
  KvCache(const KvCache&);
  KvCache& operator=(const KvCache&);

  std::int64_t rows() const;
  std::int64_t heads() const;
  std::int64_t head_dim() const;
  std::int64_t value_dim() const;
  std::int64_t value_stride() const;  // elements between the values of neighbouring positions
  DType dtype() const;
  KeyStorage storage() const;
  std::int64_t length(std::int64_t row) const;  // positions held by a row
  std::int64_t max_length() const;

  /// Adds `time` positions to every row. key [rows, time, heads * head_dim], value [rows, time, heads * value_dim].
  /// `lengths` [rows] (may be empty): only the first lengths[r] positions of row r are added. Strong guarantee.
  /// bfloat16 rounds to nearest; int8 rounds key / (largest |key| / 127) of each position and head, and makes a key or
  /// value with NaN or infinities NaN as a whole.
  void append(const Tensor& key, const Tensor& value, std::span<const std::int64_t> lengths = {});

  /// Row r of the result is row parents[r]; the number of rows may change. IndexError: a parent out of range.
  void reorder(std::span<const std::int64_t> parents);
  /// What reorder would make of this cache, which must not be appended to once the result is: they share blocks.
  KvCache reordered(std::span<const std::int64_t> parents) const;
  /// The rows of another cache of the same layout come behind these. ValueError: another layout.
  void join(KvCache&& other);
  /// Forgets positions from `length` on, in every row that has more. ValueError: a negative length.
  void truncate(std::int64_t length);
  /// The same with a length per row: takes back an append.
  void truncate(std::span<const std::int64_t> lengths);

  /// Where the positions of `row` lie, for `head`: see AttentionRun.
  void parts(std::int64_t row, std::int64_t head, std::vector<KeyPart>& parts) const;

  std::size_t bytes() const;  // of the distinct blocks held

 private:
  struct Impl;
  explicit KvCache(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pyseq
