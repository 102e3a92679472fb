// The rows of a table that one slice of the corpus reads and changes: its own copies, next to each other in memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace pyseq {

class LocalRows {
 public:
  /// Rows of `width` values, padded to a multiple of 16; at most `capacity` of them at a time. With `keeps_start`, what
  /// a row was at first is kept beside it.
  LocalRows(std::int64_t width, std::int64_t capacity, bool keeps_start);

  void clear();
  /// The place of a row of the table; a new one has yet to be filled.
  std::int32_t place(std::int32_t row) {
    std::size_t slot = static_cast<std::uint32_t>(row) * 0x9E3779B1U >> shift_;
    while (slots_[slot].stamp == stamp_) {
      if (slots_[slot].row == row) return slots_[slot].place;
      slot = (slot + 1) & mask_;
    }
    const auto number = static_cast<std::int32_t>(rows_.size());
    slots_[slot] = {row, number, stamp_};
    rows_.push_back(row);
    uses_.push_back(0);
    return number;
  }

  std::int32_t size() const { return static_cast<std::int32_t>(rows_.size()); }
  std::int32_t row(std::int32_t place) const { return rows_[static_cast<std::size_t>(place)]; }
  float* values(std::int32_t place) { return values_.get() + place * padded_; }
  const float* values(std::int32_t place) const { return values_.get() + place * padded_; }
  /// What the row was at first; null when that is not kept.
  const float* start(std::int32_t place) const { return starts_ ? starts_.get() + place * padded_ : nullptr; }
  void keep_start(std::int32_t place) {
    if (starts_)
      std::memcpy(starts_.get() + place * padded_, values(place), static_cast<std::size_t>(padded_) * sizeof(float));
  }
  /// How many windows used a row.
  std::int32_t& uses(std::int32_t place) { return uses_[static_cast<std::size_t>(place)]; }
  std::int32_t uses(std::int32_t place) const { return uses_[static_cast<std::size_t>(place)]; }
  std::int64_t padded() const { return padded_; }

 private:
  struct Slot {
    std::int32_t row, place;
    std::uint32_t stamp;  // of the last clear(): older slots are empty
  };
  struct Free {
    void operator()(float* values) const { ::operator delete[](values, std::align_val_t{64}); }
  };
  using Values = std::unique_ptr<float[], Free>;
  static Values make_values(std::int64_t count);

  std::int64_t padded_;
  std::vector<Slot> slots_;  // open addressing, at most half in use
  std::size_t mask_;
  unsigned shift_;
  std::uint32_t stamp_ = 1;
  std::vector<std::int32_t> rows_, uses_;
  Values values_, starts_;
};

}  // namespace pyseq
