#include "base/team.h"

#include "base/float_mode.h"
#include "base/patience.h"

namespace pyseq {
namespace {

constexpr std::uint32_t kInside = 1;
constexpr std::uint32_t kInsideMask = 1023;
constexpr std::uint32_t kOpen = 1024;
constexpr std::uint32_t kDismissed = 2048;
constexpr std::uint32_t kNextEpoch = 4096;
constexpr std::uint32_t kEpochMask = ~(kNextEpoch - 1);
static_assert(kInsideMask == Team::kMaxWorkers);

constexpr std::chrono::microseconds kAwakeBetweenTasks{1000};

/// Marks this thread as working on a task while it lives.
class InTask {
 public:
  InTask() { this_thread_context().in_task = true; }
  ~InTask() { this_thread_context().in_task = false; }
};

}  // namespace

ThreadContext& this_thread_context() {
  static thread_local ThreadContext context;
  return context;
}

void Team::run(Task& task, int max_helpers) {
  const InTask in_task;
  task_ = &task;
  max_helpers_ = max_helpers;
  float_mode_ = float_mode();
  const std::uint32_t epoch = (state_.load(std::memory_order_relaxed) & kEpochMask) + kNextEpoch;
  // Sequentially consistent, so that a worker either sees the task before it sleeps or is seen sleeping and woken.
  state_.store(epoch | kOpen);
  state_.notify_all();
  task.lead();
  state_.fetch_and(~kOpen);
  Patience patience(size());
  while ((state_.load(std::memory_order_acquire) & kInsideMask) != 0) patience.wait_a_moment();
}

void Team::dismiss() {
  state_.fetch_or(kDismissed);
  state_.notify_all();
}

void Team::serve(int index) {
  const InTask in_task;
  std::uint32_t last_epoch = 0;
  while (true) {
    std::uint32_t state = wait_for_task(last_epoch);
    if ((state & kDismissed) != 0) return;
    if (!state_.compare_exchange_weak(state, state + kInside)) continue;
    last_epoch = state & kEpochMask;
    if (index < max_helpers_) {
      set_float_mode(float_mode_);
      task_->help();
    }
    state_.fetch_sub(kInside, std::memory_order_release);
  }
}

std::uint32_t Team::wait_for_task(std::uint32_t last_epoch) {
  Patience patience(size());
  while (true) {
    const std::uint32_t state = state_.load(std::memory_order_acquire);
    const bool is_new_task = (state & kOpen) != 0 && (state & kEpochMask) != last_epoch;
    if (is_new_task || (state & kDismissed) != 0) return state;
    if (patience.exceeds(kAwakeBetweenTasks)) {
      state_.wait(state);
    } else {
      patience.wait_a_moment();
    }
  }
}

}  // namespace pyseq
