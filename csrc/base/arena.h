// Memory: the process-wide pool behind Tensor, and Arena, a bump allocator for what one op needs for a moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace pyseq {

/// 64-byte aligned blocks, rounded up to size classes and kept for reuse up to a cap. Thread-safe, and usable in a
/// forked child. Throws std::bad_alloc; never aborts. `trim` gives everything unused back to the system.
class MemoryPool {
 public:
  static std::shared_ptr<void> allocate(std::size_t bytes);
  static void trim();
  static std::size_t bytes_in_use();
  static std::size_t bytes_kept();
};

/// Grows to the largest demand seen, then never allocates again. Not thread-safe: allocate before a parallel region.
class Arena {
 public:
  /// `count` uninitialised values, 64-byte aligned, valid until reset().
  template <typename T>
  T* allocate(std::int64_t count) {
    if (count < 0 || static_cast<std::size_t>(count) > SIZE_MAX / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(allocate_bytes(static_cast<std::size_t>(count) * sizeof(T)));
  }
  void* allocate_bytes(std::size_t bytes);
  void reset();
  std::size_t capacity() const;

 private:
  struct Block {
    std::shared_ptr<void> memory;
    std::size_t size = 0;
    std::size_t used = 0;
  };
  void add_block(std::size_t bytes);

  std::vector<Block> blocks_;  // only the last one has room
  std::size_t demand_ = 0;     // size of the one block that replaces several at the next allocation
};

}  // namespace pyseq
