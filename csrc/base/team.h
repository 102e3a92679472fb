// A team: one leader and its workers. The leader publishes a task; workers that are there join it, help and leave. A
// worker that is late or absent never matters: the leader waits only for those that have joined, and the leader can
// always do everything alone. Where the workers come from is the backend's affair (backends.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

namespace pyseq {

/// Work that a team does together. Errors are kept in FirstError: nothing may leave lead() or help().
class Task {
 public:
  virtual void lead() noexcept = 0;  // on the leader
  virtual void help() noexcept = 0;  // on every worker that has joined

 protected:
  ~Task() = default;
};

/// The first exception of a task, carried to the leader.
class FirstError {
 public:
  /// Keeps the exception being handled, unless there is one already.
  void capture() noexcept {
    if (!occurred_.exchange(true, std::memory_order_relaxed)) error_ = std::current_exception();
  }
  bool occurred() const noexcept { return occurred_.load(std::memory_order_relaxed); }
  /// For the leader, after Team::run.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::atomic<bool> occurred_{false};
  std::exception_ptr error_;
};

class Team {
 public:
  static constexpr int kMaxWorkers = 1023;

  /// The leader's side: runs a task with at most `max_helpers` workers. All of them have left it on return.
  void run(Task& task, int max_helpers);
  /// Ends serve() for all workers, present and future.
  void dismiss();

  /// A worker's side: helps with tasks until dismiss(). `index` numbers the workers from 0; tasks with fewer helpers
  /// take the first ones. Between tasks it spins, yields, and after a millisecond sleeps.
  void serve(int index);

  /// Leader and workers; set by the leader before it runs tasks.
  int size() const { return size_.load(std::memory_order_relaxed); }
  void set_size(int threads) { size_.store(threads, std::memory_order_relaxed); }

 private:
  std::uint32_t wait_for_task(std::uint32_t last_epoch);

  // Number of the task (upper bits), whether workers may join it, whether the team is dismissed, and how many workers
  // are inside. One word, so that joining and checking what is joined are one step.
  std::atomic<std::uint32_t> state_{0};
  Task* task_ = nullptr;  // these are read by workers inside a task only
  int max_helpers_ = 0;
  std::uint64_t float_mode_ = 0;
  std::atomic<int> size_{1};
};

/// What this thread is doing.
struct ThreadContext {
  Team* team = nullptr;  // the team it leads
  bool in_task = false;  // inside a task: parallel calls run serially
};
ThreadContext& this_thread_context();

/// Makes this thread the leader of a team while it lives.
class Leadership {
 public:
  explicit Leadership(Team& team) { this_thread_context().team = &team; }
  ~Leadership() { this_thread_context().team = nullptr; }
  Leadership(const Leadership&) = delete;
  Leadership& operator=(const Leadership&) = delete;
};

}  // namespace pyseq
