#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <random>

#include "base/arena.h"
#include "threads_fixture.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

bool is_aligned(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % 64 == 0;
}

}  // namespace

TEST_CASE("blocks of every size are aligned, writable and wasted by a quarter at most") {
  const std::size_t before = MemoryPool::bytes_in_use();
  for (std::size_t bytes = 0; bytes < 100000; bytes = bytes + 1 + bytes / 7) {
    const std::shared_ptr<void> block = MemoryPool::allocate(bytes);
    std::memset(block.get(), 0x5a, bytes);
    CHECK(is_aligned(block.get()));
    const std::size_t size = MemoryPool::bytes_in_use() - before;
    CHECK(size >= bytes);
    CHECK(size <= std::max<std::size_t>(256, bytes + bytes / 4));
  }
  CHECK(MemoryPool::bytes_in_use() == before);
}

TEST_CASE("a freed block is used again; trim gives it back") {
  MemoryPool::trim();
  CHECK(MemoryPool::bytes_kept() == 0);
  void* address = MemoryPool::allocate(kMegabyte).get();
  CHECK(MemoryPool::bytes_kept() == kMegabyte);
  const std::shared_ptr<void> again = MemoryPool::allocate(kMegabyte - 100);
  CHECK(again.get() == address);
  CHECK(MemoryPool::bytes_kept() == 0);
  const std::shared_ptr<void> other = MemoryPool::allocate(kMegabyte);
  CHECK(other.get() != again.get());
  {
    const std::shared_ptr<void> third = MemoryPool::allocate(3 * kMegabyte);
  }
  CHECK(MemoryPool::bytes_kept() == 3 * kMegabyte);
  MemoryPool::trim();
  CHECK(MemoryPool::bytes_kept() == 0);
}

TEST_CASE("what is kept has a limit") {
  MemoryPool::trim();
  {
    std::vector<std::shared_ptr<void>> blocks;
    for (int block = 0; block < 10; ++block) blocks.push_back(MemoryPool::allocate(64 * kMegabyte));
  }
  CHECK(MemoryPool::bytes_kept() == 256 * kMegabyte);
  MemoryPool::trim();
}

TEST_CASE("impossible demands throw bad_alloc and change nothing") {
  const std::size_t before = MemoryPool::bytes_in_use();
  for (const std::size_t bytes : {SIZE_MAX, SIZE_MAX - 63, SIZE_MAX / 2, std::size_t{1} << 46}) {
    CHECK_THROWS_AS(MemoryPool::allocate(bytes), std::bad_alloc);
  }
  CHECK(MemoryPool::bytes_in_use() == before);
}

TEST_CASE("threads share the pool without sharing blocks") {
  const std::size_t before = MemoryPool::bytes_in_use();
  std::atomic<int> mixed_up{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&mixed_up, thread] {
      std::mt19937 random(static_cast<unsigned>(thread));
      std::vector<std::shared_ptr<void>> blocks(16);
      for (int step = 0; step < 3000; ++step) {
        std::shared_ptr<void>& block = blocks[random() % blocks.size()];
        if (block && *static_cast<int*>(block.get()) != thread) ++mixed_up;
        block = MemoryPool::allocate(4 + random() % 2000);
        *static_cast<int*>(block.get()) = thread;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(mixed_up == 0);
  CHECK(MemoryPool::bytes_in_use() == before);
}

TEST_CASE("a child forked while another thread allocates can allocate") {
  std::atomic<bool> stop{false};
  std::thread other([&stop] {
    while (!stop) MemoryPool::allocate(1000);
  });
  for (int repeat = 0; repeat < 30; ++repeat) {
    CHECK(succeeds_in_child([] { return MemoryPool::allocate(1000) != nullptr; }, std::chrono::seconds(5)));
  }
  stop = true;
  other.join();
}

TEST_CASE("an arena hands out separate aligned pieces") {
  Arena arena;
  std::vector<std::pair<char*, std::size_t>> pieces;
  for (std::size_t bytes : {1, 63, 64, 65, 1000, 100000, 3, 2000000, 0, 17}) {
    auto* piece = static_cast<char*>(arena.allocate_bytes(bytes));
    CHECK(is_aligned(piece));
    std::memset(piece, static_cast<int>(pieces.size()), bytes);
    pieces.emplace_back(piece, bytes);
  }
  for (std::size_t index = 0; index < pieces.size(); ++index) {
    const auto [piece, bytes] = pieces[index];
    CHECK(std::all_of(piece, piece + bytes, [&](char value) { return value == static_cast<char>(index); }));
  }
}

TEST_CASE("an arena grows to the largest demand, then never allocates again") {
  Arena arena;
  const auto demand = [&arena] {
    for (int piece = 0; piece < 40; ++piece) arena.allocate<float>(10000 + 777 * piece);
  };
  demand();
  arena.reset();
  demand();
  arena.reset();
  const std::size_t capacity = arena.capacity();
  const void* first = arena.allocate<float>(1);
  arena.reset();
  for (int repeat = 0; repeat < 5; ++repeat) {
    CHECK(arena.allocate<float>(1) == first);
    arena.reset();
    demand();
    arena.reset();
    CHECK(arena.capacity() == capacity);
  }
}

TEST_CASE("impossible arena demands throw") {
  Arena arena;
  CHECK_THROWS_AS(arena.allocate<float>(-1), std::bad_alloc);
  CHECK_THROWS_AS(arena.allocate<double>(std::numeric_limits<std::int64_t>::max()), std::bad_alloc);
  CHECK_THROWS_AS(arena.allocate_bytes(SIZE_MAX), std::bad_alloc);
  CHECK(arena.allocate<float>(0) != nullptr);
}
