#include "base/threads.h"

#include "pyseq/runtime.h"

namespace pyseq {
namespace {
struct LoneBarrier final : Barrier {
  void wait() override {}
};
}  // namespace
void parallel_for(std::int64_t n, std::int64_t, FunctionRef<void(std::int64_t, std::int64_t)> fn) {
  if (n > 0) fn(0, n);
}
void parallel_region(int, FunctionRef<void(int, int, Barrier&)> fn) {
  LoneBarrier barrier;
  fn(0, 1, barrier);
}
void with_team(FunctionRef<void()> body) {
  body();
}
void set_num_threads(int count) {
  if (count < 1) throw ValueError("set_num_threads: got " + std::to_string(count) + ", expected at least 1");
}
int num_threads() {
  return 1;
}
int usable_cpus() {
  return 1;
}
void set_thread_backend(ThreadBackend) {}
ThreadBackend thread_backend() {
  return ThreadBackend::serial;
}
const char* thread_backend_name(ThreadBackend) {
  return "serial";
}
}  // namespace pyseq
