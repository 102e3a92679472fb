// The pool behind Tensor: free blocks wait in one list per size class. Classes are the powers of two and three steps
// between each pair of them, so rounding up wastes at most a quarter.
#include <pthread.h>
#include <sys/mman.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/arena.h"

namespace pyseq {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;  // smaller classes come from the heap
constexpr std::size_t kLargestRequest = std::size_t{1} << 46;
constexpr std::size_t kKeptAtMost = std::size_t{256} << 20;
constexpr int kStepsPerDoubling = 4;
constexpr int kSmallestBits = 8;  // the smallest class holds 256 bytes, so that every step is a multiple of 64
constexpr int kNumClasses = (46 - kSmallestBits) * kStepsPerDoubling + 1;

constexpr std::size_t class_bytes(int size_class) {
  const int doubling = size_class / kStepsPerDoubling, step = size_class % kStepsPerDoubling;
  return static_cast<std::size_t>(kStepsPerDoubling + step) << (kSmallestBits - 2 + doubling);
}

/// The smallest class that holds `bytes` <= kLargestRequest.
int class_of(std::size_t bytes) {
  if (bytes <= class_bytes(0)) return 0;
  const int doubling = std::bit_width(bytes - 1) - 1 - kSmallestBits;
  int size_class = doubling * kStepsPerDoubling;
  while (class_bytes(size_class) < bytes) ++size_class;
  return size_class;
}

static_assert(class_bytes(0) == 256 && class_bytes(3) == 448 && class_bytes(4) == 512);
static_assert(class_bytes(kNumClasses - 1) == kLargestRequest);

/// A large block, mapped by itself: in the heap, memory around it would be given huge pages as well, and keep them.
/// Weights beyond the caches are read 10 to 30 % faster from huge pages.
void* map_block(std::size_t bytes) {
  void* mapped = ::mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* const start = static_cast<char*>(mapped);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(start) % kHugePage) % kHugePage;
  char* const block = start + before;
  if (before > 0) ::munmap(start, before);
  ::munmap(block + bytes, kHugePage - before);
#ifdef MADV_HUGEPAGE
  ::madvise(block, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);  // advice: the system may have none
#endif
  return block;
}

/// Memory of the system, or null.
void* take_from_system(std::size_t bytes) {
  return bytes < kHugePage ? std::aligned_alloc(kAlignment, bytes) : map_block(bytes);
}
void return_to_system(void* memory, std::size_t bytes) noexcept {
  bytes < kHugePage ? std::free(memory) : static_cast<void>(::munmap(memory, bytes));
}

/// A free block holds the link to the next one in its own memory, so giving memory back never allocates.
struct FreeBlock {
  FreeBlock* next;
};

class Pool {
 public:
  void* take(int size_class) {
    {
      const std::lock_guard lock(mutex_);
      FreeBlock*& head = free_[size_class];
      if (head != nullptr) {
        FreeBlock* block = head;
        head = block->next;
        kept_ -= class_bytes(size_class);
        in_use_ += class_bytes(size_class);
        return block;
      }
    }
    void* memory = take_from_system(class_bytes(size_class));
    if (memory == nullptr) {
      trim();
      memory = take_from_system(class_bytes(size_class));
    }
    if (memory == nullptr) throw std::bad_alloc();
    const std::lock_guard lock(mutex_);
    in_use_ += class_bytes(size_class);
    return memory;
  }

  void give_back(void* memory, int size_class) noexcept {
    {
      const std::lock_guard lock(mutex_);
      in_use_ -= class_bytes(size_class);
      if (kept_ + class_bytes(size_class) <= kKeptAtMost) {
        free_[size_class] = ::new (memory) FreeBlock{free_[size_class]};
        kept_ += class_bytes(size_class);
        return;
      }
    }
    return_to_system(memory, class_bytes(size_class));
  }

  void trim() {
    std::array<FreeBlock*, kNumClasses> unused{};
    {
      const std::lock_guard lock(mutex_);
      unused.swap(free_);
      kept_ = 0;
    }
    for (int size_class = 0; size_class < kNumClasses; ++size_class) {
      FreeBlock* block = unused[static_cast<std::size_t>(size_class)];
      while (block != nullptr) {
        FreeBlock* next = block->next;
        return_to_system(block, class_bytes(size_class));
        block = next;
      }
    }
#ifdef __GLIBC__
    malloc_trim(0);
#endif
  }

  std::size_t in_use() {
    const std::lock_guard lock(mutex_);
    return in_use_;
  }
  std::size_t kept() {
    const std::lock_guard lock(mutex_);
    return kept_;
  }
  std::mutex& mutex() { return mutex_; }

 private:
  std::mutex mutex_;
  std::array<FreeBlock*, kNumClasses> free_{};
  std::size_t in_use_ = 0;
  std::size_t kept_ = 0;
};

Pool& pool() {
  // Never destroyed: tensors in static variables may outlive every static of this file. Held across fork, so that a
  // child never inherits a mutex that a thread of the parent had locked.
  static Pool& instance = []() -> Pool& {
    pthread_atfork([] { pool().mutex().lock(); }, [] { pool().mutex().unlock(); }, [] { pool().mutex().unlock(); });
    return *new Pool;
  }();
  return instance;
}

}  // namespace

std::shared_ptr<void> MemoryPool::allocate(std::size_t bytes) {
  if (bytes > kLargestRequest) throw std::bad_alloc();
  const int size_class = class_of(bytes);
  return {pool().take(size_class), [size_class](void* memory) { pool().give_back(memory, size_class); }};
}

void MemoryPool::trim() {
  pool().trim();
}
std::size_t MemoryPool::bytes_in_use() {
  return pool().in_use();
}
std::size_t MemoryPool::bytes_kept() {
  return pool().kept();
}

}  // namespace pyseq
