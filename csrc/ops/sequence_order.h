// The order in which a recurrent layer visits the steps of a ragged batch.
#pragma once

#include <cstdint>
#include <vector>

namespace pyseq {

/// Rows by falling length, so that the rows still running at a step are the first ones. Steps of all rows follow each
/// other without padding: step s holds slots first_slot(s) .. first_slot(s + 1), one per running row.
class SequenceOrder {
 public:
  /// `lengths` [batch], or null: all of them `time`.
  SequenceOrder(std::int64_t batch, std::int64_t time, const std::int64_t* lengths, bool reverse);

  std::int64_t steps() const { return static_cast<std::int64_t>(first_slot_.size()) - 1; }
  std::int64_t first_slot(std::int64_t step) const { return first_slot_[static_cast<std::size_t>(step)]; }
  std::int64_t running(std::int64_t step) const { return first_slot(step + 1) - first_slot(step); }

  /// The row of the batch at place `place` of this order.
  std::int64_t row(std::int64_t place) const { return rows_[static_cast<std::size_t>(place)]; }
  std::int64_t length(std::int64_t place) const { return lengths_[static_cast<std::size_t>(place)]; }
  /// The time that a row visits at a step: from the start, or from its last valid step backwards.
  std::int64_t time(std::int64_t place, std::int64_t step) const { return reverse_ ? length(place) - 1 - step : step; }

 private:
  std::vector<std::int64_t> rows_, lengths_, first_slot_;
  bool reverse_;
};

}  // namespace pyseq
