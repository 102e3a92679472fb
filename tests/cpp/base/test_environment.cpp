// Settings from environment variables, and what the build tells about itself. The variables are read once per process,
// so they are tested in fresh ones (passes_in_fresh_process).
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/threads.h"
#include "pyseq/version.h"
#include "threads_fixture.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// True when `call` throws Expected, twice (a bad value is not forgotten), naming the variable and its value.
template <typename Expected, typename Call>
bool throws_naming(const std::string& name, Call call) {
  for (int repeat = 0; repeat < 2; ++repeat) {
    try {
      call();
      return false;
    } catch (const Expected& error) {
      const std::string sentence = error.what();
      if (sentence.find(name + " is '" + variable(name.c_str()) + "'") == std::string::npos) return false;
    }
  }
  return true;
}

void empty_loop() {
  parallel_for(100, 1, [](std::int64_t, std::int64_t) {});
}

}  // namespace

TEST_CASE("run again: three threads" * doctest::skip()) {
  CHECK(num_threads() == 3);
  set_num_threads(2);
  CHECK(num_threads() == 2);
}

TEST_CASE("run again: as many threads as CPUs" * doctest::skip()) {
  CHECK(num_threads() == usable_cpus());
}

TEST_CASE("run again: bad number of threads" * doctest::skip()) {
  CHECK(throws_naming<ValueError>("PYSEQ_NUM_THREADS", num_threads));
  CHECK(throws_naming<ValueError>("PYSEQ_NUM_THREADS", empty_loop));
  set_num_threads(2);
  CHECK_NOTHROW(empty_loop());
}

TEST_CASE("run again: backend" * doctest::skip()) {
  CHECK(thread_backend_name(thread_backend()) == variable("PYSEQ_THREADS"));
  set_num_threads(3);
  CHECK_NOTHROW(empty_loop());
}

TEST_CASE("run again: bad backend" * doctest::skip()) {
  set_num_threads(3);
  CHECK(throws_naming<ValueError>("PYSEQ_THREADS", thread_backend));
  CHECK(throws_naming<ValueError>("PYSEQ_THREADS", empty_loop));
  set_thread_backend(ThreadBackend::pool);
  CHECK_NOTHROW(empty_loop());
}

TEST_CASE("PYSEQ_NUM_THREADS") {
  CHECK(passes_in_fresh_process("PYSEQ_NUM_THREADS", "3", "run again: three threads"));
  CHECK(passes_in_fresh_process("PYSEQ_NUM_THREADS", "", "run again: as many threads as CPUs"));
  for (const char* bad : {"0", "-2", "many", "3x", "3.5", " 3", "99999", "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK(passes_in_fresh_process("PYSEQ_NUM_THREADS", bad, "run again: bad number of threads"));
  }
  CHECK_FALSE(passes_in_fresh_process("PYSEQ_NUM_THREADS", "4", "run again: three threads"));
}

TEST_CASE("PYSEQ_THREADS") {
  for (const ThreadBackend backend : built_backends()) {
    CHECK(passes_in_fresh_process("PYSEQ_THREADS", thread_backend_name(backend), "run again: backend"));
  }
  for (const char* bad : {"gpu", "OpenMP", "pool "}) {
    CHECK(passes_in_fresh_process("PYSEQ_THREADS", bad, "run again: bad backend"));
  }
}

TEST_CASE("version and build") {
  CHECK(std::string(version()) == PYSEQ_VERSION);
  const std::string info = build_info();  // "gcc 12.2.0, Release, OpenMP"
  CHECK(std::count(info.begin(), info.end(), ',') == 2);
  CHECK(info.find("OpenMP") != std::string::npos);
}

#if defined(PYSEQ_HAS_OPENMP) && defined(__linux__)
TEST_CASE("the OpenMP library of this process is found") {
  const std::vector<std::string> runtimes = openmp_runtimes();
  REQUIRE(runtimes.size() == 1);
  CHECK(runtimes[0].find('/') == std::string::npos);
  CHECK(runtimes[0].rfind("lib", 0) == 0);
}
#endif
