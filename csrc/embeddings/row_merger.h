// Brings the rows that slices changed back into the table, in the order of the slices.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "embeddings/local_rows.h"
#include "embeddings/word_task.h"

namespace pyseq {

constexpr int kMergeShards = 16;  // a table's rows are shared out to so many tasks

/// Which rows of the table a slice changes, by shard.
class RowShares {
 public:
  struct Share {
    std::int32_t row, place;
  };
  /// With `lists`, a local row is the mean of the rows of a list, and changes all of them.
  void collect(const LocalRows& rows, const RowLists* lists);
  std::span<const Share> of_shard(int shard) const { return shards_[static_cast<std::size_t>(shard)]; }

 private:
  std::array<std::vector<Share>, kMergeShards> shards_;
};

/// What a slice did to a table.
struct SliceChange {
  const LocalRows* rows;
  const RowShares* shares;
};

class RowMerger {
 public:
  RowMerger(float* table, std::int64_t rows, std::int64_t width);
  /// Merges one shard; different shards at the same time do not meet. Moves of several slices add up; where they are
  /// many, each of them has gone most of the way to the same place, and the sum is scaled to what they had done one
  /// after the other (`rate` is the learning rate).
  void merge(int shard, std::span<const SliceChange> changes, float rate);

 private:
  struct Move {
    const float* after;
    const float* before;
    std::int32_t uses, next;
  };
  struct Group {
    std::int32_t row, first, last, count;
  };
  struct Scratch {
    std::vector<Move> moves;
    std::vector<Group> groups;
    std::vector<const float*> after, before;
  };
  void apply(const Group& group, Scratch& scratch, double contraction);

  float* table_;
  std::int64_t width_;
  std::vector<std::int32_t> group_of_row_;  // -1 between merges
  std::array<Scratch, kMergeShards> scratch_;
};

}  // namespace pyseq
