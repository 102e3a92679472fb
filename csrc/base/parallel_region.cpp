// parallel_region: threads that run side by side and meet at a barrier.
#include <algorithm>
#include <atomic>

#include "base/patience.h"
#include "base/team.h"
#include "base/threads.h"
#include "pyseq/runtime.h"

namespace pyseq {
namespace {

// How long the leader waits for sleeping workers to come. Waking one takes about 50 microseconds.
constexpr std::chrono::microseconds kArrivalTime{200};

/// Leaves the barrier of a region in which another thread has failed. Not a std::exception: nobody but us catches it.
struct RegionAborted {};

class SpinBarrier final : public Barrier {
 public:
  void set_count(int count) { count_ = count; }

  void wait() override {
    const unsigned phase = phase_.load(std::memory_order_relaxed);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
      waiting_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
    } else {
      Patience patience(count_);
      while (phase_.load(std::memory_order_acquire) == phase && !is_aborted()) patience.wait_a_moment();
    }
    if (is_aborted()) throw RegionAborted{};
  }

  void abort() { aborted_.store(true, std::memory_order_relaxed); }

 private:
  bool is_aborted() const { return aborted_.load(std::memory_order_relaxed); }

  int count_ = 1;
  // On separate cache lines: arriving threads must not disturb those that watch the phase.
  alignas(64) std::atomic<int> waiting_{0};
  alignas(64) std::atomic<unsigned> phase_{0};
  std::atomic<bool> aborted_{false};
};

class Region final : public Task {
 public:
  Region(int max_threads, FunctionRef<void(int, int, Barrier&)> fn) : max_threads_(max_threads), fn_(fn) {}

  /// Closes the registration when all threads have come or the time is up: who comes later goes away again.
  void lead() noexcept override {
    Patience patience(max_threads_);
    while (arrived_.load(std::memory_order_relaxed) < max_threads_ && !patience.exceeds(kArrivalTime)) {
      patience.wait_a_moment();
    }
    const int count = arrived_.exchange(kClosed);
    barrier_.set_count(count);
    count_.store(count, std::memory_order_release);
    run(0, count);
  }

  void help() noexcept override {
    int thread = arrived_.load(std::memory_order_relaxed);
    do {
      if (thread == kClosed || thread >= max_threads_) return;
    } while (!arrived_.compare_exchange_weak(thread, thread + 1));
    Patience patience(max_threads_);
    int count = 0;
    while ((count = count_.load(std::memory_order_acquire)) == 0) patience.wait_a_moment();
    run(thread, count);
  }

  const FirstError& error() const { return error_; }

 private:
  void run(int thread, int count) noexcept {
    try {
      fn_(thread, count, barrier_);
    } catch (const RegionAborted&) {
      // The thread that failed has kept its error.
    } catch (...) {
      error_.capture();
      barrier_.abort();
    }
  }

  static constexpr int kClosed = -1;

  const int max_threads_;
  const FunctionRef<void(int, int, Barrier&)> fn_;
  std::atomic<int> arrived_{1};  // the leader is thread 0
  std::atomic<int> count_{0};    // how many take part; zero while that is open
  SpinBarrier barrier_;
  FirstError error_;
};

}  // namespace

void parallel_region(int max_threads, FunctionRef<void(int, int, Barrier&)> fn) {
  const auto run_alone = [&] {
    SpinBarrier barrier;
    fn(0, 1, barrier);
  };
  if (max_threads <= 1 || this_thread_context().in_task || num_threads() == 1) return run_alone();
  with_team([&] {
    Team* team = this_thread_context().team;
    if (team == nullptr) return run_alone();
    Region region(std::min(max_threads, team->size()), fn);
    team->run(region, std::min(max_threads, team->size()) - 1);
    region.error().rethrow();
  });
}

}  // namespace pyseq
