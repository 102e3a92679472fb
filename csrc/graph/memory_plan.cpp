#include "graph/memory_plan.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "pyseq/error.h"

namespace pyseq {
namespace {

// Offsets stay below this, so that sums of them never overflow.
constexpr std::size_t kMostBytes = std::size_t{1} << 62;

std::size_t checked_end(std::size_t offset, std::size_t bytes) {
  if (bytes > kMostBytes || offset > kMostBytes - bytes) {
    throw ShapeError("the intermediate values take more memory than can be addressed");
  }
  return (offset + bytes + kMemoryAlignment - 1) / kMemoryAlignment * kMemoryAlignment;
}

struct Extent {
  std::size_t begin, end;
};

/// Begin of the smallest gap between `taken` (ordered by begin, overlaps allowed) that holds `bytes`; else their end.
std::size_t best_gap(std::span<const Extent> taken, std::size_t bytes) {
  std::size_t best = SIZE_MAX, best_size = SIZE_MAX, end = 0;
  for (const Extent& extent : taken) {
    if (extent.begin > end && extent.begin - end >= bytes && extent.begin - end < best_size) {
      best = end;
      best_size = extent.begin - end;
    }
    end = std::max(end, extent.end);
  }
  return best == SIZE_MAX ? end : best;
}

}  // namespace

MemoryPlan plan_memory(std::span<const MemoryBlock> blocks) {
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  MemoryPlan plan;
  plan.offsets.resize(blocks.size());
  std::vector<std::size_t> placed;  // ordered by offset
  std::vector<Extent> taken;
  for (const std::size_t index : order) {
    const MemoryBlock& block = blocks[index];
    taken.clear();
    for (const std::size_t other : placed) {
      if (blocks[other].first > block.last || blocks[other].last < block.first) continue;
      taken.push_back({plan.offsets[other], checked_end(plan.offsets[other], blocks[other].bytes)});
    }
    const std::size_t offset = best_gap(taken, checked_end(0, block.bytes));
    plan.offsets[index] = offset;
    plan.bytes = std::max(plan.bytes, checked_end(offset, block.bytes));
    const auto by_offset = [&](std::size_t value, std::size_t other) { return value < plan.offsets[other]; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), offset, by_offset), index);
  }
  return plan;
}

std::size_t SequentialLayout::add(std::size_t bytes) {
  const std::size_t offset = bytes_;
  bytes_ = checked_end(offset, bytes);
  return offset;
}

}  // namespace pyseq
