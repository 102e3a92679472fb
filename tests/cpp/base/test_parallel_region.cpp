#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "base/threads.h"
#include "threads_fixture.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

/// Every thread writes its step, meets the others, and looks whether all have made the same step. Returns mistakes.
int mistakes_in_lockstep(int max_threads, int steps) {
  std::vector<std::atomic<int>> step_of(static_cast<std::size_t>(max_threads));
  std::atomic<int> mistakes{0};
  parallel_region(max_threads, [&](int thread, int count, Barrier& barrier) {
    if (thread < 0 || thread >= count || count > max_threads) ++mistakes;
    for (int step = 1; step <= steps; ++step) {
      step_of[static_cast<std::size_t>(thread)].store(step);
      barrier.wait();
      for (int other = 0; other < count; ++other) {
        if (step_of[static_cast<std::size_t>(other)].load() != step) ++mistakes;
      }
      barrier.wait();
    }
  });
  return mistakes;
}

}  // namespace

TEST_CASE("threads of a region stay in lockstep") {
  for (const ThreadBackend backend : built_backends()) {
    for (const int threads : {1, 2, 3, 5, 8}) {
      CAPTURE(thread_backend_name(backend));
      CAPTURE(threads);
      const ThreadSettings settings(backend, threads);
      CHECK(mistakes_in_lockstep(threads, 500) == 0);
      CHECK(mistakes_in_lockstep(2, 500) == 0);
      CHECK(mistakes_in_lockstep(16, 100) == 0);
    }
  }
}

TEST_CASE("every thread number is used once, and all agree on the count") {
  for (const ThreadBackend backend : built_backends()) {
    const ThreadSettings settings(backend, 4);
    with_team([&] {
      for (int repeat = 0; repeat < 200; ++repeat) {
        std::vector<std::atomic<int>> used(4);
        std::atomic<int> sum_of_counts{0}, members{0};
        parallel_region(4, [&](int thread, int count, Barrier&) {
          ++used[static_cast<std::size_t>(thread)];
          sum_of_counts += count;
          ++members;
        });
        CHECK(sum_of_counts == members * members);
        for (int thread = 0; thread < 4; ++thread) {
          CHECK(used[static_cast<std::size_t>(thread)] == (thread < members ? 1 : 0));
        }
      }
    });
  }
}

TEST_CASE("workers come to a region") {
  for (const ThreadBackend backend : built_backends()) {
    if (backend == ThreadBackend::serial) continue;
    const ThreadSettings settings(backend, 3);
    int largest = 0;
    for (int repeat = 0; repeat < 200; ++repeat) {
      parallel_region(3, [&](int thread, int count, Barrier&) {
        if (thread == 0) largest = std::max(largest, count);
      });
    }
    CHECK(largest == 3);
  }
}

TEST_CASE("a region inside a chunk, and one of a single thread, run alone") {
  const ThreadSettings settings(ThreadBackend::pool, 4);
  std::atomic<int> calls{0}, mistakes{0};
  const auto alone = [&](int thread, int count, Barrier& barrier) {
    barrier.wait();
    ++calls;
    if (thread != 0 || count != 1) ++mistakes;
  };
  parallel_for(8, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) parallel_region(4, alone);
  });
  parallel_region(1, alone);
  parallel_region(0, alone);
  CHECK(calls == 10);
  CHECK(mistakes == 0);
}

TEST_CASE("a thread that throws releases the others from the barrier") {
  for (const ThreadBackend backend : built_backends()) {
    for (const int threads : {1, 2, 5}) {
      const ThreadSettings settings(backend, threads);
      for (int repeat = 0; repeat < 20; ++repeat) {
        std::atomic<int> finished{0};
        const auto region = [&] {
          parallel_region(threads, [&](int thread, int count, Barrier& barrier) {
            for (int step = 0; step < 10; ++step) {
              if (step == 5 && thread == repeat % count) throw std::runtime_error("step failed");
              barrier.wait();
            }
            ++finished;
          });
        };
        CHECK_THROWS_WITH_AS(region(), "step failed", std::runtime_error);
        CHECK(finished == 0);
      }
      CHECK(mistakes_in_lockstep(threads, 10) == 0);
    }
  }
}

TEST_CASE("the leader does not wait for workers that never come") {
  const ThreadSettings settings(ThreadBackend::pool, 4);
  parallel_for(100, 1, [](std::int64_t, std::int64_t) {});
  // In a child the workers of the parent do not exist, and new ones are refused here.
  CHECK(succeeds_in_child([] {
    testing_fail_thread_creation_after(0);
    return mistakes_in_lockstep(4, 10) == 0;
  }));
}
