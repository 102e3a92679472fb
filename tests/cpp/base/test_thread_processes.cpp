// Threads and the life of a process: fork, refused threads, idleness, settings from the environment.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <fstream>

#include "base/threads.h"
#include "threads_fixture.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

// In a forked child ThreadSanitizer still counts the threads that computed in the parent: it stops at the first new one
// that gets the id of one of them.
#ifdef __SANITIZE_THREAD__
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif

bool sums_correctly(std::int64_t n = 10000) {
  std::atomic<std::int64_t> sum{0};
  parallel_for(n, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) sum += i;
  });
  return sum == n * (n - 1) / 2;
}

/// Seconds of processor time that this process has used.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

TEST_CASE("a forked child computes after its parent has used threads") {
  for (const ThreadBackend backend : built_backends()) {
    CAPTURE(thread_backend_name(backend));
    const ThreadSettings settings(backend, 4);
    CHECK(sums_correctly());
    CHECK(succeeds_in_child([] { return sums_correctly() && sums_correctly(); }));
    CHECK(succeeds_in_child([] {  // and so does the child's child
      return sums_correctly() && succeeds_in_child([] { return sums_correctly(); });
    }));
    CHECK(sums_correctly());
  }
}

TEST_CASE("a forked child has threads again, from the pool") {
  const ThreadSettings settings(ThreadBackend::automatic, 2);
  CHECK(sums_correctly());
  CHECK(succeeds_in_child([] {
    int largest = 0;
    for (int repeat = 0; repeat < 200; ++repeat) {
      parallel_region(2, [&](int thread, int count, Barrier&) {
        if (thread == 0) largest = std::max(largest, count);
      });
    }
    return largest == 2;
  }));
}

TEST_CASE("fork while other threads compute" * doctest::skip(kThreadSanitizer)) {
  const ThreadSettings settings(ThreadBackend::automatic, 3);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) sums_correctly(1000);
  });
  for (int repeat = 0; repeat < 5; ++repeat) CHECK(succeeds_in_child([] { return sums_correctly(); }));
  stop = true;
  other.join();
}

TEST_CASE("refused threads leave fewer threads, or one") {
  for (const ThreadBackend backend : built_backends()) {
    for (const int allowed : {0, 1, 3}) {
      CAPTURE(thread_backend_name(backend));
      CAPTURE(allowed);
      const ThreadSettings settings(backend, 6);
      testing_fail_thread_creation_after(allowed);
      // In a fresh thread OpenMP has no workers yet; in a child the pool has none.
      bool correct = false;
      std::thread([&] { correct = sums_correctly(); }).join();
      CHECK(correct);
      CHECK(succeeds_in_child([] { return sums_correctly(); }));
    }
  }
}

// In a fresh process, because OpenMP is never used in a forked one.
TEST_CASE("run again: room for few threads" * doctest::skip()) {
  long pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t room = 40 << 20;  // four stacks of 8 MB, not sixty-three
  const rlimit limit{static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE)) + room, RLIM_INFINITY};
  set_num_threads(64);
  REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
  CHECK(probe_threads(63) < 63);
  CHECK(sums_correctly());
  CHECK(sums_correctly());
}

TEST_CASE("threads that the system refuses do no harm") {
  for (const ThreadBackend backend : built_backends()) {
    CAPTURE(thread_backend_name(backend));
    CHECK(passes_in_fresh_process("PYSEQ_THREADS", thread_backend_name(backend), "run again: room for few threads"));
  }
}

TEST_CASE("nothing spins while the process is idle") {
  for (const ThreadBackend backend : built_backends()) {
    CAPTURE(thread_backend_name(backend));
    const ThreadSettings settings(backend, 2);
    with_team([] { sums_correctly(); });
    const double before = cpu_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    CHECK(cpu_seconds() - before < 0.05 * 0.3);
  }
}

TEST_CASE("a team is asleep while its leader waits for something else") {
  for (const ThreadBackend backend : built_backends()) {
    CAPTURE(thread_backend_name(backend));
    const ThreadSettings settings(backend, 2);
    with_team([] {
      sums_correctly();
      const double before = cpu_seconds();
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      CHECK(cpu_seconds() - before < 0.05 * 0.3);
    });
  }
}

TEST_CASE("numbers of threads out of range are refused") {
  CHECK_THROWS_AS(set_num_threads(0), ValueError);
  CHECK_THROWS_AS(set_num_threads(-1), ValueError);
  CHECK_THROWS_AS(set_num_threads(100000), ValueError);
}
