#include <algorithm>
#include <fstream>

#include "pyseq/runtime.h"
#include "pyseq/version.h"

namespace pyseq {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " + std::to_string(__clang_major__) + "." + std::to_string(__clang_minor__) + "." +
         std::to_string(__clang_patchlevel__);
#else
  return "gcc " + std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + "." +
         std::to_string(__GNUC_PATCHLEVEL__);
#endif
}

#ifdef NDEBUG
constexpr const char* kBuildType = "Release";
#else
constexpr const char* kBuildType = "Debug";
#endif

#ifdef PYSEQ_HAS_OPENMP
constexpr const char* kOpenmp = "OpenMP";
#else
constexpr const char* kOpenmp = "no OpenMP";
#endif

}  // namespace

const char* version() {
  return PYSEQ_VERSION;
}

std::string build_info() {
  return compiler() + ", " + kBuildType + ", " + kOpenmp;
}

std::vector<std::string> openmp_runtimes() {
  // Linux lists the files mapped into a process, one line per segment: address, rights, offset, device, inode, path.
  std::ifstream maps("/proc/self/maps");
  std::vector<std::string> paths;
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find('/');
    if (path == std::string::npos) continue;
    const std::string name = line.substr(line.rfind('/') + 1);
    const bool is_runtime = name.starts_with("libgomp") || name.starts_with("libomp") || name.starts_with("libiomp5");
    if (is_runtime && std::find(paths.begin(), paths.end(), line.substr(path)) == paths.end()) {
      paths.push_back(line.substr(path));
    }
  }
  for (std::string& path : paths) path.erase(0, path.rfind('/') + 1);
  return paths;
}

}  // namespace pyseq
