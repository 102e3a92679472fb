// How threads share the steps of a recurrent layer, forwards and backwards.
#pragma once

#include <cstdint>

#include "base/threads.h"

namespace pyseq {

/// The part of a step's work that one thread does: `thread` of `count`. They meet at the barrier; none for one thread.
struct Share {
  int thread = 0, count = 1;
  Barrier* barrier = nullptr;

  /// The first item of this share when `items` are divided; that of the next share ends it.
  std::int64_t begin(std::int64_t items) const { return items * thread / count; }
  std::int64_t end(std::int64_t items) const { return items * (thread + 1) / count; }
  void meet() const {
    if (barrier != nullptr) barrier->wait();
  }
};

/// Steps between two looks at the limits.
inline constexpr std::int64_t kStepsPerCheck = 32;

/// Work of a region in multiply-adds of float32; all figures are those of one direction.
struct RegionWork {
  int directions;
  std::int64_t blocks;  // no more threads than these have anything to do
  double step, all;     // step: between two meetings at the barrier
  bool meets = true;    // more than once
};
/// Threads that are worth having.
int region_threads(const RegionWork& work);

/// Directions that are walked side by side, each by half of the threads: walk(direction, own) for those of this
/// thread, where `own` is its part of the direction's work.
template <typename Walk>
void walk_side_by_side(int directions, const Share& all, Walk walk) {
  if (directions == 1 || all.count == 1) {
    for (int direction = 0; direction < directions; ++direction) walk(direction, all);
    return;
  }
  const int of_first = (all.count + 1) / 2;
  const bool is_second = all.thread >= of_first;
  Share own{is_second ? all.thread - of_first : all.thread, is_second ? all.count - of_first : of_first, all.barrier};
  // A thread per direction: they have nothing to wait for.
  if (all.count == 2) own.barrier = nullptr;
  walk(is_second ? 1 : 0, own);
}

/// What threads do every kStepsPerCheck steps; RunLimits::check on one of them.
template <typename Check>
void look_at_limits(const Share& own, const Share& all, Check check) {
  if (all.thread == 0) check();
  if (own.barrier == nullptr) all.meet();  // where nobody else waits, an error of another thread arrives here
}

}  // namespace pyseq
