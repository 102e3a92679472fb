// Shared by the thread tests: settings restored at the end of a scope, work in a forked child with a time limit, and
// test cases in a fresh process.
#pragma once

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_start.h"
#include "pyseq/runtime.h"

namespace pyseq::testing {

struct ThreadSettings {
  ThreadSettings(ThreadBackend backend, int threads) {
    set_thread_backend(backend);
    set_num_threads(threads);
  }
  ~ThreadSettings() {
    set_thread_backend(backend_before);
    set_num_threads(threads_before);
    testing_fail_thread_creation_after(-1);
  }
  ThreadBackend backend_before = thread_backend();
  int threads_before = num_threads();
};

inline std::vector<ThreadBackend> built_backends() {
#ifdef PYSEQ_HAS_OPENMP
  return {ThreadBackend::automatic, ThreadBackend::openmp, ThreadBackend::pool, ThreadBackend::serial};
#else
  return {ThreadBackend::automatic, ThreadBackend::pool, ThreadBackend::serial};
#endif
}

/// Runs `work` in a forked child; true when it returned true within the time limit.
template <typename Work>
bool succeeds_in_child(Work work, std::chrono::seconds limit = std::chrono::seconds(20)) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(static_cast<unsigned>(limit.count()));  // SIGALRM ends a child that hangs
    bool success = false;
    try {
      success = work();
    } catch (...) {
      success = false;
    }
    _exit(success ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Runs a test case marked skip() in a new process of this program, with an environment variable set.
inline bool passes_in_fresh_process(const std::string& variable, const std::string& value,
                                    const std::string& test_case) {
  const std::string program = "/proc/" + std::to_string(getpid()) + "/exe";
  const std::string command =
      variable + "='" + value + "' " + program + " --no-skip --test-case='" + test_case + "' > /dev/null 2>&1";
  return std::system(command.c_str()) == 0;
}

}  // namespace pyseq::testing
