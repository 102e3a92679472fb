#include "base/arena.h"

#include <algorithm>

namespace pyseq {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kSmallestBlock = std::size_t{64} << 10;

}  // namespace

void* Arena::allocate_bytes(std::size_t bytes) {
  if (bytes > SIZE_MAX / 2) throw std::bad_alloc();
  bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (blocks_.empty() || bytes > blocks_.back().size - blocks_.back().used) add_block(bytes);
  Block& block = blocks_.back();
  void* memory = static_cast<char*>(block.memory.get()) + block.used;
  block.used += bytes;
  return memory;
}

void Arena::add_block(std::size_t bytes) {
  // At least as large as everything so far, so that the number of blocks grows with the logarithm of the demand.
  const std::size_t size = std::max({bytes, capacity(), demand_, kSmallestBlock});
  blocks_.push_back({MemoryPool::allocate(size), size, 0});
}

void Arena::reset() {
  if (blocks_.size() > 1) {
    demand_ = capacity();
    blocks_.clear();
  }
  for (Block& block : blocks_) block.used = 0;
}

std::size_t Arena::capacity() const {
  std::size_t total = 0;
  for (const Block& block : blocks_) total += block.size;
  return total;
}

}  // namespace pyseq
