// Where the intermediate values of a function lie: offsets into one block of memory, shared by values that are never
// alive at the same time.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace pyseq {

inline constexpr std::size_t kMemoryAlignment = 64;

/// Bytes that are needed from node `first` to node `last`, both included.
struct MemoryBlock {
  std::size_t bytes = 0;
  int first = 0, last = 0;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  // of the blocks, multiples of kMemoryAlignment
  std::size_t bytes = 0;
};

/// Greedy best fit: the largest block first, each into the smallest gap that holds it.
/// ShapeError: more than the address space.
MemoryPlan plan_memory(std::span<const MemoryBlock> blocks);

/// Offsets of pieces that follow each other: what a loop node needs inside its own block.
class SequentialLayout {
 public:
  std::size_t add(std::size_t bytes);
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

}  // namespace pyseq
