#include "ops/sequence_order.h"

#include <algorithm>
#include <numeric>

namespace pyseq {

SequenceOrder::SequenceOrder(std::int64_t batch, std::int64_t time, const std::int64_t* lengths, bool reverse)
    : rows_(static_cast<std::size_t>(batch)), lengths_(static_cast<std::size_t>(batch), time), reverse_(reverse) {
  std::iota(rows_.begin(), rows_.end(), std::int64_t{0});
  if (lengths != nullptr) {
    std::stable_sort(rows_.begin(), rows_.end(),
                     [lengths](std::int64_t a, std::int64_t b) { return lengths[a] > lengths[b]; });
    std::transform(rows_.begin(), rows_.end(), lengths_.begin(), [lengths](std::int64_t row) { return lengths[row]; });
  }
  const std::int64_t steps = lengths_.empty() ? 0 : lengths_.front();
  std::int64_t running = batch, slot = 0;
  for (std::int64_t step = 0; step <= steps; ++step) {
    first_slot_.push_back(slot);
    while (running > 0 && lengths_[static_cast<std::size_t>(running - 1)] <= step) --running;
    slot += running;
  }
}

}  // namespace pyseq
