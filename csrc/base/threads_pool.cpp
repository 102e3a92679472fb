// The backend with threads of our own: workers are started when first needed and then kept, asleep when idle.
#include <atomic>
#include <chrono>
#include <new>

#include "base/backends.h"
#include "base/fork.h"
#include "base/team.h"
#include "base/thread_start.h"

namespace pyseq {
namespace {

class ThreadPool {
 public:
  explicit ThreadPool(int generation) : generation_(generation) {}

  bool lead(int threads, FunctionRef<void()> body) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    const Release release{busy_};
    grow(threads - 1);
    if (workers_ == 0) return false;
    team_.set_size(std::min(threads, workers_ + 1));
    const Leadership leadership(team_);
    body();
    return true;
  }

  int generation() const { return generation_; }

 private:
  struct Release {
    std::atomic<bool>& busy;
    ~Release() { busy.store(false, std::memory_order_release); }
  };

  void grow(int workers) {
    if (workers_ >= workers || Clock::now() < retry_at_) return;
    while (workers_ < workers) {
      auto thread = start_thread([this, index = workers_] { team_.serve(index); });
      if (!thread) {
        retry_at_ = Clock::now() + std::chrono::seconds(1);  // a refusal is not free: do not ask on every call
        return;
      }
      thread->detach();
      ++workers_;
    }
  }

  using Clock = std::chrono::steady_clock;

  const int generation_;
  std::atomic<bool> busy_{false};
  Team team_;
  int workers_ = 0;
  Clock::time_point retry_at_{};
};

/// The pool of this process. Never destroyed: its workers sleep on it when the process ends. A forked child leaves its
/// parent's pool, whose workers it does not have, and makes its own.
ThreadPool& thread_pool() {
  static std::atomic<ThreadPool*> instance{nullptr};
  ThreadPool* pool = instance.load(std::memory_order_acquire);
  while (pool == nullptr || pool->generation() != fork_generation()) {
    auto* fresh = new ThreadPool(fork_generation());
    if (instance.compare_exchange_strong(pool, fresh, std::memory_order_acq_rel)) return *fresh;
    delete fresh;  // another thread was faster; `pool` is its pool now
  }
  return *pool;
}

}  // namespace

bool lead_pool_team(int threads, FunctionRef<void()> body) {
  return thread_pool().lead(threads, body);
}

}  // namespace pyseq
