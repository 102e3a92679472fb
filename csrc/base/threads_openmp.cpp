// The OpenMP backend: a parallel region whose thread 0 runs the caller's code, while the others serve its team. The
// only file that knows omp.h.
#include "base/backends.h"

#ifdef PYSEQ_HAS_OPENMP
#include <omp.h>

#include <atomic>
#include <exception>

#include "base/fork.h"
#include "base/team.h"
#include "base/thread_start.h"
#endif

namespace pyseq {

#ifdef PYSEQ_HAS_OPENMP
namespace {

std::atomic<bool> has_first_thread{false};
std::atomic<bool> is_serving{false};

/// What OpenMP holds for one calling thread.
struct CallingThread {
  bool is_first = false;
  int workers = 0;  // alive since its last region: a larger region would create the rest

  /// True when this is the thread that automatic choice gives to OpenMP; takes the place when it is free.
  bool claim_first() {
    if (!is_first && !has_first_thread.exchange(true)) is_first = true;
    return is_first;
  }
  ~CallingThread() {
    if (is_first) has_first_thread.store(false);
  }
};

CallingThread& calling_thread() {
  static thread_local CallingThread thread;
  return thread;
}

/// libgomp ends the process when it cannot create a thread, so threads are created by us first.
bool can_have_workers(CallingThread& thread, int workers) {
  if (workers > thread.workers && probe_threads(workers) < workers) return false;
  thread.workers = workers;
  return true;
}

void run_region(int threads, FunctionRef<void()> body) {
  Team team;
  team.set_size(threads);
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    if (omp_get_thread_num() == 0) {
      try {
        const Leadership leadership(team);
        body();
      } catch (...) {
        error = std::current_exception();
      }
      team.dismiss();
    } else {
      team.serve(omp_get_thread_num() - 1);
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace

bool lead_openmp_team(int threads, OpenmpCallers callers, FunctionRef<void()> body) {
  if (fork_generation() > 0 || omp_in_parallel() != 0) return false;
  CallingThread& thread = calling_thread();
  if (callers == OpenmpCallers::first_thread && !thread.claim_first()) return false;
  if (is_serving.exchange(true)) return false;
  struct Release {
    ~Release() { is_serving.store(false); }
  } release;
  if (!can_have_workers(thread, threads - 1)) return false;
  run_region(threads, body);
  return true;
}

#else

bool lead_openmp_team(int, OpenmpCallers, FunctionRef<void()>) {
  return false;
}

#endif

}  // namespace pyseq
