// Starting threads without exceptions: a system may refuse them at any time (limits of a container, address space).
#pragma once

#include <functional>
#include <optional>
#include <thread>

namespace pyseq {

/// A running thread, or nothing when the system refuses.
std::optional<std::thread> start_thread(std::function<void()> run) noexcept;

/// How many of `count` threads can exist beside those there are: starts them and ends them.
int probe_threads(int count);

/// For tests: from now on start_thread succeeds `count` times, then fails. Negative: no limit.
void testing_fail_thread_creation_after(int count);

}  // namespace pyseq
