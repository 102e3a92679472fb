#include "embeddings/row_merger.h"

#include <cmath>
#include <cstring>

#include "kernels/dispatch.h"

namespace pyseq {
namespace {

// How much nearer an update with learning rate 1 brings a row to where its updates point: σ' · |x|² of a typical pair.
constexpr double kContraction = 0.25;
constexpr std::size_t kAhead = 4;  // rows that are fetched before they are moved

/// Neighbours share cache lines, so that shards are made of runs of rows.
int shard_of(std::int32_t row) {
  return static_cast<int>((static_cast<std::uint32_t>(row) / 32U) % kMergeShards);
}

std::size_t at(std::int32_t i) {
  return static_cast<std::size_t>(i);
}

}  // namespace

void RowShares::collect(const LocalRows& rows, const RowLists* lists) {
  for (auto& shard : shards_) shard.clear();
  const auto add = [&](std::int32_t row, std::int32_t place) { shards_[at(shard_of(row))].push_back({row, place}); };
  for (std::int32_t place = 0; place < rows.size(); ++place) {
    if (rows.uses(place) == 0) continue;  // never used: nothing has changed
    if (lists == nullptr) {
      add(rows.row(place), place);
    } else {
      for (const std::int32_t row : lists->list(rows.row(place))) add(row, place);
    }
  }
}

RowMerger::RowMerger(float* table, std::int64_t rows, std::int64_t width)
    : table_(table), width_(width), group_of_row_(static_cast<std::size_t>(rows), -1) {}

void RowMerger::merge(int shard, std::span<const SliceChange> changes, float rate) {
  Scratch& scratch = scratch_[at(shard)];
  scratch.moves.clear();
  scratch.groups.clear();
  for (const SliceChange& change : changes) {
    for (const RowShares::Share& share : change.shares->of_shard(shard)) {
      const float* start = change.rows->start(share.place);
      const auto number = static_cast<std::int32_t>(scratch.moves.size());
      scratch.moves.push_back({change.rows->values(share.place), start != nullptr ? start : table_ + share.row * width_,
                               change.rows->uses(share.place), -1});
      std::int32_t& group = group_of_row_[at(share.row)];
      if (group < 0) {
        group = static_cast<std::int32_t>(scratch.groups.size());
        scratch.groups.push_back({share.row, number, number, 1});
      } else {
        Group& found = scratch.groups[at(group)];
        scratch.moves[at(found.last)].next = number;
        found.last = number;
        ++found.count;
      }
    }
  }
  for (std::size_t g = 0; g < scratch.groups.size(); ++g) {
    if (g + kAhead < scratch.groups.size()) {
      const float* next = table_ + scratch.groups[g + kAhead].row * width_;
      for (std::int64_t i = 0; i < width_; i += 16) __builtin_prefetch(next + i, 1);
    }
    group_of_row_[at(scratch.groups[g].row)] = -1;
    apply(scratch.groups[g], scratch, kContraction * static_cast<double>(rate));
  }
}

void RowMerger::apply(const Group& group, Scratch& scratch, double contraction) {
  float* row = table_ + group.row * width_;
  const Move& only = scratch.moves[at(group.first)];
  if (group.count == 1 && only.before == row) {
    std::memcpy(row, only.after, static_cast<std::size_t>(width_) * sizeof(float));
    return;
  }
  scratch.after.clear();
  scratch.before.clear();
  double uses = 0.0, apart = 0.0;
  for (std::int32_t i = group.first; i >= 0; i = scratch.moves[at(i)].next) {
    const Move& move = scratch.moves[at(i)];
    scratch.after.push_back(move.after);
    scratch.before.push_back(move.before);
    uses += move.uses;
    apart -= std::expm1(-contraction * move.uses);
  }
  const double weight = group.count == 1 || apart <= 0.0 ? 1.0 : -std::expm1(-contraction * uses) / apart;
  const MergeRowsF32 args{width_, group.count, scratch.after.data(), scratch.before.data(), static_cast<float>(weight),
                          row};
  kernels().merge_rows_f32(&args);
}

}  // namespace pyseq
