// Profile: where the time of program runs goes, op by op.
//
//     auto profile = std::make_shared<pyseq::Profile>();
//     {
//       const pyseq::ProfileScope scope(profile);
//       translator.translate("...");  // or any Session::run on this thread
//     }
//     for (const pyseq::ProfileEvent& event : profile->events()) ...
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "pyseq/program.h"

namespace pyseq {

/// What an event is about: a function of a program, or a node of one.
struct ProfiledNode {
  std::string function;
  std::string op;                // empty: the whole run of a function
  std::string name;              // module path
  DType dtype = DType::float32;  // of the weights that the op reads packed, which decides its peak
};

/// One call. Events stand in the order in which they began; those inside of another one (nodes in the run of a
/// function, bodies in loops) follow it with a greater depth.
struct ProfileEvent {
  int node = 0;  // into Profile::nodes()
  int depth = 0;
  double start = 0;             // seconds since the profile was made
  double seconds = 0;           // what it took, inner events included
  double overhead = 0;          // seconds before `start` that collecting took: part of the events around this one
  double flops = 0, bytes = 0;  // as the op declares them; 0 for loops and functions
};

/// Collects events of the runs that happen under a ProfileScope. A run costs a fraction of a microsecond per op more
/// than without; outside of a scope profiling costs one branch per op.
class Profile {
 public:
  /// Collects runs of any program, or of `only`.
  explicit Profile(std::shared_ptr<const Program> only = nullptr);

  // From any thread; they wait for the end of a run that is being collected.
  std::vector<ProfileEvent> events() const;
  std::vector<ProfiledNode> nodes() const;
  void clear();  // ValueError: inside of such a run

 private:
  friend class ProfileRecorder;
  using Clock = std::chrono::steady_clock;
  double now() const { return std::chrono::duration<double>(Clock::now() - origin_).count(); }

  mutable std::recursive_mutex mutex_;
  const Clock::time_point origin_ = Clock::now();
  const std::shared_ptr<const Program> only_;
  std::vector<std::shared_ptr<const Program>> seen_;  // alive, so that addresses of nodes stay their own
  std::map<std::pair<const void*, const void*>, int> numbers_;
  std::vector<ProfiledNode> nodes_;
  std::vector<ProfileEvent> events_;
  int depth_ = 0;
};

/// While it lives, runs of this thread go into the profile. Scopes nest: the innermost one collects. Must end on the
/// thread where it began.
class ProfileScope {
 public:
  explicit ProfileScope(std::shared_ptr<Profile> profile);
  ~ProfileScope();
  bool is_innermost() const;
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

 private:
  std::shared_ptr<Profile> profile_;
  Profile* outer_;
};

}  // namespace pyseq
