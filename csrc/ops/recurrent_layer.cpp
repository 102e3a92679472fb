#include "ops/recurrent_layer.h"

#include <algorithm>
#include <vector>

#include "ops/recurrent_direction.h"

namespace pyseq {
namespace {

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
    const int threads = threads_for(begin, end, is_one_step);
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

  int threads_for(std::int64_t begin, std::int64_t end, bool is_one_step) {
    const double step_work = first().step_work(begin);
    const double projection = is_one_step ? first().projection_work(begin) : 0;
    return region_threads({.directions = num_directions(),
                           .blocks = first().blocks(),
                           .step = step_work + projection,
                           .all = static_cast<double>(end - begin) * step_work + projection,
                           .meets = !is_one_step});
  }

  /// What one thread does in a region.
  void walk(std::int64_t begin, std::int64_t end, bool is_one_step, const Share& all) {
    walk_side_by_side(num_directions(), all, [&](int index, const Share& own) {
      Direction& direction = directions_[static_cast<std::size_t>(index)];
      if (is_one_step) direction.project_inputs(own);
      for (std::int64_t step = begin; step < end; ++step) {
        if ((step - begin) % kStepsPerCheck == 0) look_at_limits(own, all, [&] { limits_.check(); });
        direction.walk(step, own);
      }
    });
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
