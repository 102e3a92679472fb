#include "base/thread_start.h"

#include <atomic>
#include <vector>

namespace pyseq {
namespace {

std::atomic<int> creations_left{-1};

bool testing_refuses() {
  const int left = creations_left.load();
  if (left > 0) creations_left.store(left - 1);
  return left == 0;
}

}  // namespace

std::optional<std::thread> start_thread(std::function<void()> run) noexcept {
  if (testing_refuses()) return std::nullopt;
  try {
    return std::thread(std::move(run));
  } catch (...) {  // std::system_error from the system, std::bad_alloc from the thread's own bookkeeping
    return std::nullopt;
  }
}

int probe_threads(int count) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  std::atomic<bool> release{false};
  while (static_cast<int>(threads.size()) < count) {
    auto thread = start_thread([&release] { release.wait(false); });
    if (!thread) break;
    threads.push_back(std::move(*thread));
  }
  release.store(true);
  release.notify_all();
  for (std::thread& thread : threads) thread.join();
  return static_cast<int>(threads.size());
}

void testing_fail_thread_creation_after(int count) {
  creations_left.store(count);
}

}  // namespace pyseq
