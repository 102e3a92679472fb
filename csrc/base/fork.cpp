#include "base/fork.h"

#include <pthread.h>

#include <atomic>

namespace pyseq {
namespace {

std::atomic<int> generation{0};

// At load time, so that forks before the first parallel call are seen as well: another library may have used OpenMP.
[[maybe_unused]] const int registered =
    pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });

}  // namespace

int fork_generation() {
  return generation.load(std::memory_order_relaxed);
}

}  // namespace pyseq
