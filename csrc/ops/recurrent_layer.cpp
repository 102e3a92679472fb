#include "ops/recurrent_layer.h"

#include <algorithm>
#include <vector>

#include "ops/recurrent_direction.h"

namespace pyseq {
namespace {

/// Steps between two looks at the limits.
constexpr std::int64_t kStepsPerCheck = 32;
/// Multiply-adds of float32 per step below which a further thread costs more at the barrier than it saves.
constexpr double kStepWorkPerThread = 1 << 14;
/// The same for all that a region does: workers must wake up for it.
constexpr double kRegionWorkPerThread = 1 << 17;

/// A layer while it runs. Two directions have the same steps, so that they can be walked side by side.
class Layer {
 public:
  Layer(const CellKind& kind, const LayerOptions& options, std::span<const DirectionCall> calls, Arena& scratch,
        const RunLimits& limits)
      : limits_(limits) {
    directions_.reserve(calls.size());
    for (const DirectionCall& call : calls) {
      directions_.emplace_back(kind, options, call, num_threads(), scratch, limits);
    }
  }

  void run() {
    for (Direction& direction : directions_) direction.load_states();
    const std::int64_t steps = first().order().steps();
    for (std::int64_t step = 0; step < steps;) {
      const std::int64_t end = first().segment_end(step);
      run_segment(step, end);
      step = end;
    }
    for (Direction& direction : directions_) direction.store_states();
  }

 private:
  Direction& first() { return directions_.front(); }
  int num_directions() const { return static_cast<int>(directions_.size()); }

  void run_segment(std::int64_t begin, std::int64_t end) {
    // One step takes both products in one region; more steps have their input products done at once before.
    const bool is_one_step = end == begin + 1 && first().can_project_in_region();
    const int threads = region_threads(begin, end, is_one_step);
    const auto body = [&] {
      for (Direction& direction : directions_) {
        direction.start_segment(begin, end);
        if (!is_one_step) direction.project_inputs();
      }
      parallel_region(threads, [&](int thread, int count, Barrier& barrier) {
        walk(begin, end, is_one_step, Share{thread, count, count > 1 ? &barrier : nullptr});
      });
    };
    // Workers stay awake from the products to the region.
    if (threads > 1) return with_team(body);
    body();
  }

  int region_threads(std::int64_t begin, std::int64_t end, bool is_one_step) {
    const double step_work = first().step_work(begin);
    const double work =
        static_cast<double>(end - begin) * step_work + (is_one_step ? first().projection_work(begin) : 0);
    const double per_direction = is_one_step ? work / kRegionWorkPerThread : step_work / kStepWorkPerThread;
    const double useful = std::clamp(per_direction, 1.0, static_cast<double>(first().blocks())) * num_directions();
    return static_cast<int>(std::clamp(num_directions() * work / kRegionWorkPerThread, 1.0, useful));
  }

  /// What one thread does in a region.
  void walk(std::int64_t begin, std::int64_t end, bool is_one_step, const Share& all) {
    if (num_directions() == 1) return walk_direction(first(), begin, end, is_one_step, all, all);
    if (all.count == 1) {
      for (Direction& direction : directions_) walk_direction(direction, begin, end, is_one_step, all, all);
      return;
    }
    const int of_first = (all.count + 1) / 2;
    const bool is_second = all.thread >= of_first;
    Share own{is_second ? all.thread - of_first : all.thread, is_second ? all.count - of_first : of_first, all.barrier};
    // A thread per direction: they have nothing to wait for.
    if (all.count == 2) own.barrier = nullptr;
    walk_direction(directions_[is_second ? 1 : 0], begin, end, is_one_step, own, all);
  }

  void walk_direction(Direction& direction, std::int64_t begin, std::int64_t end, bool is_one_step, const Share& own,
                      const Share& all) {
    if (is_one_step) direction.project_inputs(own);
    for (std::int64_t step = begin; step < end; ++step) {
      if ((step - begin) % kStepsPerCheck == 0) {
        if (all.thread == 0) limits_.check();
        if (own.barrier == nullptr) all.meet();  // where nobody else waits, an error of another thread arrives here
      }
      direction.walk(step, own);
    }
  }

  const RunLimits& limits_;
  std::vector<Direction> directions_;
};

}  // namespace

void run_layer(const CellKind& kind, const LayerOptions& options, std::span<const DirectionCall> directions,
               Arena& scratch, const RunLimits& limits) {
  const SequenceView& view = directions.front().view;
  if (view.batch == 0 || view.hidden == 0 || view.width == 0) return;
  Layer(kind, options, directions, scratch, limits).run();
}

}  // namespace pyseq
