// Ragged batches without their padding: the valid steps of all rows follow each other from the start of the tensor on.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ops/registry.h"

namespace pyseq {

/// Packed steps of row b are starts[b] .. starts[b + 1]. ValueError as by check_lengths (reads data).
std::vector<std::int64_t> packed_starts(std::string_view label, const Tensor& lengths, std::int64_t batch,
                                        std::int64_t time);

/// The optional input row_lengths [batch] of an op on x [batch, time, ...]: with it, steps are packed in every input
/// and output of that shape. ShapeError, DTypeError.
void check_row_lengths(const OpArgs& args, const Tensor& x, int row_lengths);

/// Where the steps of each row of x [batch, time, ...] stand: padded, or packed by the input row_lengths.
class RowSteps {
 public:
  /// ValueError: a length that is none (reads data).
  RowSteps(const OpArgs& args, const Tensor& x, int row_lengths);

  /// Padded.
  explicit RowSteps(const Tensor& x) : batch_(x.size(0)), time_(x.size(1)) {}

  bool are_packed() const { return !starts_.empty(); }
  std::int64_t rows() const { return batch_; }
  std::int64_t first(std::int64_t row) const { return are_packed() ? starts_[row] : row * time_; }
  std::int64_t count(std::int64_t row) const { return are_packed() ? starts_[row + 1] - starts_[row] : time_; }
  std::int64_t total() const { return are_packed() ? starts_[batch_] : batch_ * time_; }

 private:
  std::int64_t batch_, time_;
  std::vector<std::int64_t> starts_;  // empty: padded
};

/// UnsupportedError: packed steps have no gradient.
void refuse_packed(const OpArgs& args, int row_lengths);

/// The cost of an op whose work and operands grow with its steps, when only the packed ones of x are computed.
OpCost cost_of_packed(const OpArgs& args, const Tensor& x, int row_lengths, OpCost whole);

}  // namespace pyseq
