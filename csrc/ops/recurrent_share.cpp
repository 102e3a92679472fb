#include "ops/recurrent_share.h"

#include <algorithm>

namespace pyseq {
namespace {

/// Multiply-adds of float32 per step below which a further thread costs more at the barrier than it saves.
constexpr double kStepWorkPerThread = 1 << 14;
/// The same for all that a region does: workers must wake up for it.
constexpr double kRegionWorkPerThread = 1 << 17;

}  // namespace

int region_threads(const RegionWork& work) {
  const double threads = work.step / (work.meets ? kStepWorkPerThread : kRegionWorkPerThread);
  const double useful = std::clamp(threads, 1.0, static_cast<double>(work.blocks)) * work.directions;
  return static_cast<int>(std::clamp(work.directions * work.all / kRegionWorkPerThread, 1.0, useful));
}

}  // namespace pyseq
