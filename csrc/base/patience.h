// How a thread waits for another one: it spins for some microseconds, because the other is usually about to arrive,
// then offers its processor to whoever needs it. It never spins at all when there are more threads than processors.
#pragma once

#include <chrono>
#include <thread>

#include "base/cpus.h"

namespace pyseq {

/// Tells the processor that this is a spinning loop: saves power and lets the other hyper-thread run.
inline void relax_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  /// `threads`: how many take part in what is waited for.
  explicit Patience(int threads) : spins_left_(threads > startup_cpus() ? 0 : kSpins) {}

  /// Waits a moment; called between two looks at the condition.
  void wait_a_moment() {
    if (spins_left_ > 0) {
      --spins_left_;
      relax_cpu();
    } else {
      std::this_thread::yield();
    }
  }

  /// True when the wait has lasted `limit` or longer, counted from the end of the spin.
  bool exceeds(std::chrono::microseconds limit) {
    if (spins_left_ > 0) return false;
    const auto now = Clock::now();
    if (spin_end_ == Clock::time_point{}) spin_end_ = now;
    return now - spin_end_ >= limit;
  }

 private:
  static constexpr int kSpins = 1000;  // 10 to 50 microseconds on current processors

  int spins_left_;
  Clock::time_point spin_end_{};
};

}  // namespace pyseq
