#include "base/cpus.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

#include "pyseq/runtime.h"

namespace pyseq {
namespace {

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The number at the front of `text`, which moves past it and the space that follows.
std::optional<double> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
  return static_cast<double>(value);
}

std::optional<double> quotient(std::optional<double> quota, std::optional<double> period) {
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

/// Whether the comma-separated `list` contains `name`.
bool names(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::size_t length = std::min(list.find(','), list.size());
    if (list.substr(0, length) == name) return true;
    list.remove_prefix(std::min(length + 1, list.size()));
  }
  return false;
}

std::optional<double> smaller(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

std::optional<double> quota_of_folder(bool is_v2, const std::string& folder) {
  if (is_v2) {
    const auto text = read_text(folder + "/cpu.max");
    return text ? parse_cpu_max(*text) : std::nullopt;
  }
  const auto quota = read_text(folder + "/cpu.cfs_quota_us"), period = read_text(folder + "/cpu.cfs_period_us");
  return quota && period ? parse_cfs_quota(*quota, *period) : std::nullopt;
}

/// Inside a container the path may be the host's and not exist here; the walk then ends at the mount, which is the
/// group.
std::optional<double> quota_of_ancestors(const CpuControlGroup& group, const std::string& mount) {
  std::optional<double> quota = quota_of_folder(group.is_v2, mount);
  for (std::string path = group.path; path.size() > 1; path.erase(path.rfind('/'))) {
    quota = smaller(quota, quota_of_folder(group.is_v2, mount + path));
  }
  return quota;
}

int affinity_cpus() {
#ifdef __linux__
  // The mask must be as large as the kernel's, which is not known: double it until it fits.
  for (int capacity = 1024; capacity <= 1024 * 1024; capacity *= 2) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

std::optional<double> parse_cpu_max(std::string_view text) {
  const auto quota = take_number(text);
  return quotient(quota, take_number(text));
}

std::optional<double> parse_cfs_quota(std::string_view quota, std::string_view period) {
  return quotient(take_number(quota), take_number(period));
}

std::vector<CpuControlGroup> parse_cgroups(std::string_view text) {
  std::vector<CpuControlGroup> groups;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.compare(second + 1, 1, "/") != 0) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const bool is_v2 = controllers.empty();
    if (is_v2 || names(controllers, "cpu")) groups.push_back({is_v2, line.substr(second + 1)});
  }
  return groups;
}

std::optional<double> cgroup_quota(std::string_view proc_self_cgroup, const std::string& root) {
  std::optional<double> quota;
  for (const CpuControlGroup& group : parse_cgroups(proc_self_cgroup)) {
    quota = smaller(quota, quota_of_ancestors(group, group.is_v2 ? root : root + "/cpu"));
  }
  return quota;
}

int usable_cpus() {
  const int cpus = affinity_cpus();
  const auto groups = read_text("/proc/self/cgroup");
  const auto quota = groups ? cgroup_quota(*groups, "/sys/fs/cgroup") : std::nullopt;
  if (!quota) return cpus;
  // A fraction counts as a CPU: what 1.5 CPUs grant is used up by two threads only.
  return std::max(1, static_cast<int>(std::min<double>(cpus, std::ceil(*quota))));
}

int startup_cpus() {
  static const int cpus = usable_cpus();
  return cpus;
}

}  // namespace pyseq
