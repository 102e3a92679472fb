// Memory: the process-wide pool behind Tensor, and Arena, a bump allocator for what one op needs for a moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace pyseq {

/// 64-byte aligned blocks, rounded up to size classes and kept for reuse up to a cap. Thread-safe. Throws
/// std::bad_alloc; never aborts. `trim` gives everything unused back to the system.
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
  std::vector<Block> blocks_;
  std::size_t current_ = 0;
};

}  // namespace pyseq
