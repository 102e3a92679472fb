#include <doctest/doctest.h>

#include <stdexcept>
#include <thread>

#include "pyseq/runtime.h"

using namespace pyseq;
using namespace std::chrono_literals;

TEST_CASE("no limits: nothing stops the call") {
  CHECK_NOTHROW(RunLimits{}.check());
}

TEST_CASE("a token cancels, from any thread, until it is reset") {
  CancelToken token;
  RunLimits limits;
  limits.cancel = &token;
  CHECK_NOTHROW(limits.check());
  std::thread([&token] { token.cancel(); }).join();
  CHECK(token.is_cancelled());
  CHECK_THROWS_AS(limits.check(), CancelledError);
  token.reset();
  CHECK_NOTHROW(limits.check());
}

TEST_CASE("a deadline passes") {
  CHECK_NOTHROW(RunLimits::within(1h).check());
  CHECK_THROWS_AS(RunLimits::within(0ns).check(), DeadlineError);
  CHECK_THROWS_AS(RunLimits::within(-1s).check(), DeadlineError);
  const RunLimits soon = RunLimits::within(5ms);
  std::this_thread::sleep_for(10ms);
  CHECK_THROWS_AS(soon.check(), DeadlineError);
}

TEST_CASE("budgets beyond the clock's range never pass, below it always have") {
  CHECK_NOTHROW(RunLimits::within(std::chrono::nanoseconds::max()).check());
  CHECK_THROWS_AS(RunLimits::within(std::chrono::nanoseconds::min()).check(), DeadlineError);
}

TEST_CASE("cancellation is told before the deadline") {
  CancelToken token;
  token.cancel();
  RunLimits limits = RunLimits::within(0ns);
  limits.cancel = &token;
  CHECK_THROWS_AS(limits.check(), CancelledError);
}

TEST_CASE("poll is asked and may stop the call") {
  int asked = 0;
  RunLimits limits;
  limits.poll = [&asked] {
    if (++asked == 2) throw std::runtime_error("interrupted");
  };
  CHECK_NOTHROW(limits.check());
  CHECK_THROWS_WITH_AS(limits.check(), "interrupted", std::runtime_error);
}
