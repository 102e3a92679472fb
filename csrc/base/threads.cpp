// with_team: which backend serves a call. parallel_for: chunks claimed from a counter.
#include "base/threads.h"

#include <algorithm>
#include <atomic>

#include "base/backends.h"
#include "base/team.h"
#include "pyseq/runtime.h"

namespace pyseq {
namespace {

constexpr std::int64_t kChunksPerThread = 4;  // evens out threads of different speed

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

bool lead_team(ThreadBackend backend, int threads, FunctionRef<void()> body) {
  switch (backend) {
    case ThreadBackend::automatic:
      return lead_openmp_team(threads, OpenmpCallers::first_thread, body) || lead_pool_team(threads, body);
    case ThreadBackend::openmp:
      return lead_openmp_team(threads, OpenmpCallers::any_thread, body);
    case ThreadBackend::pool:
      return lead_pool_team(threads, body);
    case ThreadBackend::serial:
      return false;
  }
  return false;
}

class ChunkedLoop final : public Task {
 public:
  ChunkedLoop(std::int64_t n, std::int64_t grain, std::int64_t threads,
              FunctionRef<void(std::int64_t, std::int64_t)> fn)
      : n_(n), chunk_(grain), num_chunks_(ceil_div(n, grain)), fn_(fn) {
    // Many items: chunks differ by one item at most, so that equal threads get equal shares of large items too.
    const std::int64_t wanted = kChunksPerThread * threads;
    if (n / wanted < grain) return;
    chunk_ = n / wanted;
    longer_ = n % wanted;
    num_chunks_ = wanted;
  }

  void lead() noexcept override { run_chunks(); }
  void help() noexcept override { run_chunks(); }
  const FirstError& error() const { return error_; }

 private:
  void run_chunks() noexcept {
    while (!error_.occurred()) {
      const std::int64_t index = next_.fetch_add(1, std::memory_order_relaxed);
      if (index >= num_chunks_) return;
      const std::int64_t begin = index * chunk_ + std::min(index, longer_);
      const std::int64_t size = chunk_ + (index < longer_ ? 1 : 0);
      try {
        fn_(begin, begin + std::min(size, n_ - begin));
      } catch (...) {
        error_.capture();
      }
    }
  }

  const std::int64_t n_;
  std::int64_t chunk_, num_chunks_;
  std::int64_t longer_ = 0;  // so many chunks, the first ones, have an item more
  const FunctionRef<void(std::int64_t, std::int64_t)> fn_;
  std::atomic<std::int64_t> next_{0};
  FirstError error_;
};

}  // namespace

void with_team(FunctionRef<void()> body) {
  const ThreadContext& context = this_thread_context();
  const int threads = num_threads();
  const bool is_served = context.in_task || context.team != nullptr || threads == 1;
  if (is_served || !lead_team(thread_backend(), threads, body)) body();
}

void parallel_for(std::int64_t n, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> fn) {
  if (n <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  if (n <= grain || this_thread_context().in_task || num_threads() == 1) return fn(0, n);
  with_team([&] {
    Team* team = this_thread_context().team;
    if (team == nullptr) return fn(0, n);
    const std::int64_t threads = std::min<std::int64_t>(team->size(), ceil_div(n, grain));
    ChunkedLoop loop(n, grain, threads, fn);
    team->run(loop, static_cast<int>(threads) - 1);
    loop.error().rethrow();
  });
}

}  // namespace pyseq
