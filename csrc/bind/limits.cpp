#include "bind/limits.h"

#include <chrono>
#include <cmath>
#include <thread>

namespace pyseq {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kSignalPeriod = std::chrono::milliseconds(50);
constexpr double kLongestDeadline = 1e9;  // seconds: thirty years, far below what the clock can count

/// Python handles signals on its main thread, between instructions: a call that computes must ask for it.
class SignalPoll {
 public:
  void operator()() {
    if (std::this_thread::get_id() != caller_) return;  // a worker of the call: no business with signals
    const Clock::time_point now = Clock::now();
    if (now < next_) return;
    next_ = now + kSignalPeriod;
    const GilAcquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }

 private:
  std::thread::id caller_ = std::this_thread::get_id();
  Clock::time_point next_ = Clock::now() + kSignalPeriod;
};

}  // namespace

RunLimits make_limits(std::optional<double> deadline, const CancelToken* cancel) {
  RunLimits limits;
  if (deadline) {
    if (std::isnan(*deadline)) throw ValueError("deadline is not a number, expected seconds");
    const double seconds = std::clamp(*deadline, 0.0, kLongestDeadline);
    limits = RunLimits::within(std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
  }
  limits.cancel = cancel;
  limits.poll = SignalPoll();
  return limits;
}

}  // namespace pyseq
