// Which processors this process may use: its affinity mask and the quota of its control group (containers).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pyseq {

/// usable_cpus() at the first call, remembered: for decisions that are taken often.
int startup_cpus();

/// CPUs in a cgroup v2 `cpu.max` file: "150000 100000" -> 1.5. Empty when unlimited ("max 100000") or unreadable.
std::optional<double> parse_cpu_max(std::string_view text);
/// The same from the two files of cgroup v1, `cpu.cfs_quota_us` (-1: unlimited) and `cpu.cfs_period_us`.
std::optional<double> parse_cfs_quota(std::string_view quota, std::string_view period);

/// The group a process is in, for the CPU controller.
struct CpuControlGroup {
  bool is_v2 = false;
  std::string path;  // "/" or "/docker/abc"
};
/// Reads the lines of `/proc/self/cgroup`: "0::/path" (v2) and "4:cpu,cpuacct:/path" (v1).
std::vector<CpuControlGroup> parse_cgroups(std::string_view text);

/// The smallest quota over the group and its ancestors, whose files lie under `root` (normally /sys/fs/cgroup).
std::optional<double> cgroup_quota(std::string_view proc_self_cgroup, const std::string& root);

}  // namespace pyseq
