#include <doctest/doctest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>

#include "base/cpu.h"
#include "base/cpus.h"
#include "threads_fixture.h"

using namespace pyseq;
using namespace pyseq::testing;
namespace fs = std::filesystem;

namespace {

/// A folder like /sys/fs/cgroup, removed at the end.
class FakeCgroups {
 public:
  FakeCgroups() { fs::create_directories(root_); }
  ~FakeCgroups() { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::string root() const { return root_.string(); }

 private:
  fs::path root_ = fs::temp_directory_path() / ("pyseq_cgroups_" + std::to_string(getpid()));
};

}  // namespace

TEST_CASE("cpu.max of cgroup v2") {
  CHECK(parse_cpu_max("150000 100000\n") == 1.5);
  CHECK(parse_cpu_max("400000 100000") == 4.0);
  CHECK(parse_cpu_max("5000 10000\n") == 0.5);
  for (const char* unlimited :
       {"max 100000\n", "max", "", "100000", "abc", "1 0", "-1 100000", "1 x", "99999999999999999999 100000"}) {
    CAPTURE(unlimited);
    CHECK_FALSE(parse_cpu_max(unlimited).has_value());
  }
}

TEST_CASE("quota and period of cgroup v1") {
  CHECK(parse_cfs_quota("250000\n", "100000\n") == 2.5);
  CHECK_FALSE(parse_cfs_quota("-1\n", "100000\n").has_value());
  CHECK_FALSE(parse_cfs_quota("0", "100000").has_value());
  CHECK_FALSE(parse_cfs_quota("100000", "0").has_value());
  CHECK_FALSE(parse_cfs_quota("", "").has_value());
}

TEST_CASE("the groups of a process") {
  const auto v2 = parse_cgroups("0::/system.slice/docker-12:34.scope\n");
  REQUIRE(v2.size() == 1);
  CHECK(v2[0].is_v2);
  CHECK(v2[0].path == "/system.slice/docker-12:34.scope");

  const auto v1 = parse_cgroups("12:cpuset:/a\n4:cpuacct,cpu:/docker/abc\n3:cpuacct:/b\n1:name=systemd:/c\n");
  REQUIRE(v1.size() == 1);
  CHECK_FALSE(v1[0].is_v2);
  CHECK(v1[0].path == "/docker/abc");

  CHECK(parse_cgroups("4:cpu,cpuacct:/x\n0::/y\n").size() == 2);
  CHECK(parse_cgroups("").empty());
  CHECK(parse_cgroups("no colons\n0::relative\n:\n::\n").empty());
}

TEST_CASE("the smallest quota of a group and its ancestors holds") {
  const FakeCgroups files;
  CHECK_FALSE(cgroup_quota("0::/a/b\n", files.root()).has_value());
  files.write("a/b/cpu.max", "max 100000\n");
  CHECK_FALSE(cgroup_quota("0::/a/b\n", files.root()).has_value());
  files.write("a/cpu.max", "300000 100000\n");
  CHECK(cgroup_quota("0::/a/b\n", files.root()) == 3.0);
  files.write("a/b/cpu.max", "50000 100000\n");
  CHECK(cgroup_quota("0::/a/b\n", files.root()) == 0.5);
  files.write("cpu.max", "20000 100000\n");  // the container's own group, mounted as the root
  CHECK(cgroup_quota("0::/not/here\n", files.root()) == 0.2);
  files.write("cpu/c/cpu.cfs_quota_us", "10000\n");
  files.write("cpu/c/cpu.cfs_period_us", "100000\n");
  CHECK(cgroup_quota("3:cpu:/c\n", files.root()) == 0.1);
  CHECK(cgroup_quota("3:cpu:/c\n0::/\n", files.root()) == 0.1);
}

TEST_CASE("usable CPUs follow the affinity mask") {
  CHECK(usable_cpus() >= 1);
  CHECK(startup_cpus() >= usable_cpus());
  CHECK(succeeds_in_child([] {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) return false;
    int first = 0;
    while (!CPU_ISSET(first, &set)) ++first;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0 && usable_cpus() == 1;
  }));
}

TEST_CASE("instruction-set tiers include the lower ones") {
  CHECK_FALSE(cpu_supports(""));
  CHECK_FALSE(cpu_supports("v9"));
#if defined(__x86_64__)
  CHECK_FALSE(cpu_supports("neon"));
  CHECK((cpu_supports("v2") || !cpu_supports("v3")));
  CHECK((cpu_supports("v3") || !cpu_supports("v4")));
  std::ifstream cpuinfo("/proc/cpuinfo");
  const std::string text{std::istreambuf_iterator<char>(cpuinfo), {}};
  CHECK(cpu_supports("v3") == (text.find(" avx2 ") != std::string::npos));
  CHECK(cpu_supports("v4") == (text.find(" avx512vl ") != std::string::npos));
#elif defined(__aarch64__)
  CHECK(cpu_supports("neon"));
#endif
}
