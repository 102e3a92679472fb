#include "pyseq/runtime.h"

namespace pyseq {

void RunLimits::check() const {
  if (cancel != nullptr && cancel->is_cancelled()) throw CancelledError("the call was cancelled");
  if (deadline && std::chrono::steady_clock::now() >= *deadline) {
    throw DeadlineError("the deadline of the call has passed");
  }
  if (poll) poll();
}

RunLimits RunLimits::within(std::chrono::nanoseconds budget) {
  using Clock = std::chrono::steady_clock;
  const auto now = Clock::now();
  RunLimits limits;
  limits.deadline = budget < Clock::time_point::max() - now ? now + budget : Clock::time_point::max();
  return limits;
}

}  // namespace pyseq
