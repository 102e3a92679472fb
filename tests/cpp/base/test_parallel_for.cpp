#include <doctest/doctest.h>

#include <atomic>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>

#include "base/float_mode.h"
#include "base/threads.h"
#include "threads_fixture.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

/// How often parallel_for visits each of n items.
std::vector<int> visits(std::int64_t n, std::int64_t grain) {
  std::vector<int> counts(static_cast<std::size_t>(n), 0);
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) ++counts[static_cast<std::size_t>(i)];
  });
  return counts;
}

bool covers_once(std::int64_t n, std::int64_t grain) {
  return visits(n, grain) == std::vector<int>(static_cast<std::size_t>(n), 1);
}

/// Distinct threads seen while the chunks of a loop wait for each other, for at most a second.
std::size_t threads_that_meet(int expected) {
  std::mutex mutex;
  std::set<std::thread::id> ids;
  const auto end_time = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  parallel_for(expected, 1, [&](std::int64_t, std::int64_t) {
    std::size_t seen = 0;
    do {
      const std::lock_guard lock(mutex);
      ids.insert(std::this_thread::get_id());
      seen = ids.size();
    } while (seen < static_cast<std::size_t>(expected) && std::chrono::steady_clock::now() < end_time);
  });
  return ids.size();
}

}  // namespace

TEST_CASE("parallel_for visits every item once on every backend and number of threads") {
  for (const ThreadBackend backend : built_backends()) {
    for (const int threads : {1, 2, 3, 5, 8}) {
      CAPTURE(thread_backend_name(backend));
      CAPTURE(threads);
      const ThreadSettings settings(backend, threads);
      for (const std::int64_t n : {0, 1, 2, 7, 64, 1000, 4097}) {
        for (const std::int64_t grain : {0, 1, 3, 100, 5000}) CHECK(covers_once(n, grain));
      }
    }
  }
}

TEST_CASE("parallel_for does nothing for a negative count") {
  parallel_for(-3, 1, [](std::int64_t, std::int64_t) { FAIL("called"); });
}

TEST_CASE("chunks hold at least the grain, but for the last") {
  const ThreadSettings settings(ThreadBackend::pool, 4);
  std::mutex mutex;
  std::vector<std::int64_t> sizes;
  parallel_for(1003, 100, [&](std::int64_t begin, std::int64_t end) {
    const std::lock_guard lock(mutex);
    if (end != 1003) sizes.push_back(end - begin);
  });
  for (const std::int64_t size : sizes) CHECK(size >= 100);
}

TEST_CASE("parallel_for counts up to the largest integer") {
  for (const ThreadBackend backend : built_backends()) {
    const ThreadSettings settings(backend, 3);
    constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
    std::atomic<std::int64_t> total{0};
    parallel_for(kLargest, 1, [&](std::int64_t begin, std::int64_t end) { total += end - begin; });
    CHECK(total == kLargest);
  }
}

TEST_CASE("threads really work at the same time") {
  for (const ThreadBackend backend : built_backends()) {
    if (backend == ThreadBackend::serial) continue;
    CAPTURE(thread_backend_name(backend));
    const ThreadSettings settings(backend, 5);
    CHECK(threads_that_meet(5) == 5);
    set_num_threads(2);
    CHECK(threads_that_meet(2) == 2);
  }
}

TEST_CASE("no more threads than num_threads, also when there were more before") {
  for (const ThreadBackend backend : built_backends()) {
    const ThreadSettings settings(backend, 8);
    CHECK(covers_once(1000, 1));
    set_num_threads(2);
    std::mutex mutex;
    std::set<std::thread::id> ids;
    for (int repeat = 0; repeat < 50; ++repeat) {
      parallel_for(100, 1, [&](std::int64_t, std::int64_t) {
        const std::lock_guard lock(mutex);
        ids.insert(std::this_thread::get_id());
      });
    }
    // OpenMP may replace its workers between regions; the pool keeps them.
    if (backend == ThreadBackend::pool) CHECK(ids.size() <= 2);
  }
}

TEST_CASE("an exception of any chunk reaches the caller, and the next call works") {
  for (const ThreadBackend backend : built_backends()) {
    for (const int threads : {1, 2, 5}) {
      CAPTURE(thread_backend_name(backend));
      const ThreadSettings settings(backend, threads);
      for (const std::int64_t thrower : {0, 1, 500, 999}) {
        CHECK_THROWS_WITH_AS(parallel_for(1000, 1,
                                          [&](std::int64_t begin, std::int64_t end) {
                                            if (begin <= thrower && thrower < end) throw ShapeError("item failed");
                                          }),
                             "item failed", ShapeError);
        CHECK(covers_once(100, 1));
      }
    }
  }
}

TEST_CASE("exceptions of workers and of the caller's own chunk are carried") {
  for (const ThreadBackend backend : built_backends()) {
    if (backend == ThreadBackend::serial) continue;
    const ThreadSettings settings(backend, 3);
    const std::thread::id caller = std::this_thread::get_id();
    for (const bool caller_throws : {true, false}) {
      std::atomic<bool> thrown{false};
      const auto end_time = std::chrono::steady_clock::now() + std::chrono::seconds(2);
      const auto loop = [&] {
        parallel_for(3, 1, [&](std::int64_t, std::int64_t) {
          if ((std::this_thread::get_id() == caller) == caller_throws) {
            thrown = true;
            throw std::runtime_error("this side failed");
          }
          while (!thrown && std::chrono::steady_clock::now() < end_time) std::this_thread::yield();
        });
      };
      CHECK_THROWS_WITH_AS(loop(), "this side failed", std::runtime_error);
      CHECK(thrown);
    }
  }
}

TEST_CASE("an exception that is no std::exception is carried as well") {
  const ThreadSettings settings(ThreadBackend::pool, 3);
  CHECK_THROWS_AS(parallel_for(100, 1, [](std::int64_t, std::int64_t) { throw 7; }), int);
}

TEST_CASE("nested calls run serially on the thread of the chunk") {
  for (const ThreadBackend backend : built_backends()) {
    if (backend == ThreadBackend::serial) continue;
    const ThreadSettings settings(backend, 4);
    std::atomic<int> calls{0};
    std::atomic<int> strangers{0};
    parallel_for(8, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::thread::id outer = std::this_thread::get_id();
        with_team([&] {
          parallel_for(100, 1, [&](std::int64_t first, std::int64_t last) {
            ++calls;
            if (last - first != 100 || std::this_thread::get_id() != outer) ++strangers;
          });
        });
      }
    });
    CHECK(calls == 8);
    CHECK(strangers == 0);
  }
}

TEST_CASE("a team serves many calls and passes the body's exception on") {
  for (const ThreadBackend backend : built_backends()) {
    for (const int threads : {1, 2, 5}) {
      const ThreadSettings settings(backend, threads);
      int covered = 0;
      with_team([&] {
        for (int call = 0; call < 300; ++call) covered += covers_once(50, 1) ? 1 : 0;
        with_team([&] { covered += covers_once(50, 1) ? 1 : 0; });
      });
      CHECK(covered == 301);
      CHECK_THROWS_WITH_AS(with_team([] { throw ValueError("body failed"); }), "body failed", ValueError);
      CHECK(covers_once(50, 1));
    }
  }
}

TEST_CASE("calls from eight threads at once are all served") {
  for (const ThreadBackend backend : built_backends()) {
    CAPTURE(thread_backend_name(backend));
    const ThreadSettings settings(backend, 3);
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 8; ++caller) {
      callers.emplace_back([&] {
        for (int call = 0; call < 100; ++call) {
          if (!covers_once(64, 1)) ++wrong;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    CHECK(wrong == 0);
  }
}

#ifdef PYSEQ_HAS_OPENMP
TEST_CASE("a call that finds OpenMP in use takes the pool") {
  const ThreadSettings settings(ThreadBackend::automatic, 3);
  with_team([] {
    std::size_t met = 0;
    std::thread([&] { met = threads_that_meet(3); }).join();
    CHECK(met == 3);
  });
}
#endif

#if defined(__x86_64__)
TEST_CASE("workers compute with the caller's rounding and flush-to-zero mode") {
  constexpr std::uint64_t kFlushToZero = 0x8000;
  for (const ThreadBackend backend : built_backends()) {
    const ThreadSettings settings(backend, 4);
    const std::uint64_t before = float_mode();
    for (const std::uint64_t mode : {before | kFlushToZero, before}) {
      set_float_mode(mode);
      std::atomic<int> different{0};
      parallel_for(64, 1, [&](std::int64_t, std::int64_t) { different += float_mode() != mode; });
      CHECK(different == 0);
    }
  }
}
#endif
