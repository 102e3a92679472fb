// The process around the arithmetic: threads, instruction-set tiers, deadlines and cancellation.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pyseq/error.h"

namespace pyseq {

/// Set from any thread to make a running call stop with CancelledError.
class CancelToken {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  void reset() { cancelled_.store(false, std::memory_order_relaxed); }
  bool is_cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

/// Limits of one call. Long calls look at it between ops, decoding steps and large blocks of work.
struct RunLimits {
  std::optional<std::chrono::steady_clock::time_point> deadline;
  const CancelToken* cancel = nullptr;
  /// Called by check() on the thread that checks; may throw to stop the call (Python's Ctrl-C arrives this way).
  std::function<void()> poll;

  /// Throws CancelledError or DeadlineError; costs a clock reading only when a deadline is set.
  void check() const;
  static RunLimits within(std::chrono::nanoseconds budget);
};

/// Threads that a call may use. The default is the CPUs this process may use (affinity and cgroup quota), or
/// PYSEQ_NUM_THREADS. Takes effect for calls that start afterwards. ValueError below 1.
void set_num_threads(int count);
int num_threads();
/// CPUs that this process may use: the smaller of its affinity mask and its cgroup quota, at least 1.
int usable_cpus();

enum class ThreadBackend { automatic, openmp, pool, serial };
/// PYSEQ_THREADS=openmp|pool|serial forces one; this call does the same. UnsupportedError where it was not built.
void set_thread_backend(ThreadBackend backend);
ThreadBackend thread_backend();
const char* thread_backend_name(ThreadBackend backend);

/// Instruction-set tiers, lowest first ("v2", "v3", "v4", "v4_vnni", "v4_bf16" on x86-64; "neon" on aarch64).
std::vector<std::string> compiled_isas();
std::vector<std::string> available_isas();  // compiled and present on this machine
/// The tier in use: the highest available, or the one PYSEQ_ISA names.
std::string active_isa();
/// Switches tiers (tests and benchmarks). UnsupportedError when the tier is not compiled or not present.
/// Not to be called while another thread computes.
void set_isa(const std::string& name);

const char* version();
std::string build_info();                    // compiler, build type, date-free
std::vector<std::string> openmp_runtimes();  // OpenMP libraries loaded in this process (file names)

}  // namespace pyseq
