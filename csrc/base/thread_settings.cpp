// How many threads a call may use, and which backend: environment variables and their setters.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/cpus.h"
#include "base/team.h"
#include "pyseq/runtime.h"

namespace pyseq {
namespace {

constexpr int kMaxThreads = Team::kMaxWorkers + 1;

// Zero and `unset`: nothing was set by a call, the default holds.
std::atomic<int> chosen_threads{0};
constexpr int kUnset = -1;
std::atomic<int> chosen_backend{kUnset};

/// The variable's value; null when it is absent or empty.
const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? nullptr : value;
}

int read_num_threads() {
  const char* text = environment("PYSEQ_NUM_THREADS");
  if (text == nullptr) return std::min(startup_cpus(), kMaxThreads);
  int count = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, count);
  if (error != std::errc() || stop != end || count < 1 || count > kMaxThreads) {
    throw ValueError("PYSEQ_NUM_THREADS is '" + std::string(text) + "', expected a number from 1 to " +
                     std::to_string(kMaxThreads));
  }
  return count;
}

ThreadBackend require_built(ThreadBackend backend, const std::string& source) {
#ifndef PYSEQ_HAS_OPENMP
  if (backend == ThreadBackend::openmp) throw UnsupportedError(source + ": this build has no OpenMP");
#endif
  static_cast<void>(source);
  return backend;
}

ThreadBackend read_backend() {
  const char* text = environment("PYSEQ_THREADS");
  if (text == nullptr) return ThreadBackend::automatic;
  for (const ThreadBackend backend :
       {ThreadBackend::automatic, ThreadBackend::openmp, ThreadBackend::pool, ThreadBackend::serial}) {
    if (std::strcmp(text, thread_backend_name(backend)) == 0) return require_built(backend, "PYSEQ_THREADS");
  }
  throw ValueError("PYSEQ_THREADS is '" + std::string(text) + "', expected automatic, openmp, pool or serial");
}

}  // namespace

void set_num_threads(int count) {
  if (count < 1 || count > kMaxThreads) {
    throw ValueError("set_num_threads: got " + std::to_string(count) + ", expected 1 to " +
                     std::to_string(kMaxThreads));
  }
  chosen_threads.store(count, std::memory_order_relaxed);
}

int num_threads() {
  const int chosen = chosen_threads.load(std::memory_order_relaxed);
  if (chosen > 0) return chosen;
  static const int from_environment = read_num_threads();  // an exception leaves it to be read again
  return from_environment;
}

void set_thread_backend(ThreadBackend backend) {
  chosen_backend.store(static_cast<int>(require_built(backend, "set_thread_backend")), std::memory_order_relaxed);
}

ThreadBackend thread_backend() {
  const int chosen = chosen_backend.load(std::memory_order_relaxed);
  if (chosen != kUnset) return static_cast<ThreadBackend>(chosen);
  static const ThreadBackend from_environment = read_backend();
  return from_environment;
}

const char* thread_backend_name(ThreadBackend backend) {
  switch (backend) {
    case ThreadBackend::automatic:
      return "automatic";
    case ThreadBackend::openmp:
      return "openmp";
    case ThreadBackend::pool:
      return "pool";
    case ThreadBackend::serial:
      return "serial";
  }
  return "unknown";
}

}  // namespace pyseq
