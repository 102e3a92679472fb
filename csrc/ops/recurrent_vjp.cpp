#include "ops/recurrent_vjp.h"

#include <algorithm>
#include <vector>

#include "ops/recurrent_backward.h"
#include "ops/recurrent_reserve.h"

namespace pyseq {
namespace {

/// Steps in both directions and back: their region, then the products of all steps at once.
class BackwardLayer {
 public:
  BackwardLayer(const CellKind& kind, const LayerOptions& options, std::span<const DirectionVjp> calls, Arena& scratch,
                const RunLimits& limits)
      : limits_(limits) {
    directions_.reserve(calls.size());
    for (const DirectionVjp& call : calls) directions_.emplace_back(kind, options, call, scratch, limits);
  }

  void run() {
    with_team([&] {
      for (BackwardDirection& direction : directions_) direction.start();
      parallel_region(threads(), [&](int thread, int count, Barrier& barrier) {
        walk(Share{thread, count, count > 1 ? &barrier : nullptr});
      });
      for (BackwardDirection& direction : directions_) direction.finish();
    });
  }

 private:
  const BackwardDirection& first() const { return directions_.front(); }

  int threads() const {
    const double step = first().step_work();
    return region_threads({.directions = static_cast<int>(directions_.size()),
                           .blocks = first().blocks(),
                           .step = step,
                           .all = static_cast<double>(first().order().steps()) * step});
  }

  void walk(const Share& all) {
    walk_side_by_side(static_cast<int>(directions_.size()), all, [&](int index, const Share& own) {
      BackwardDirection& direction = directions_[static_cast<std::size_t>(index)];
      direction.pack(own);
      for (std::int64_t step = direction.order().steps() - 1; step >= 0; --step) {
        if (step % kStepsPerCheck == 0) look_at_limits(own, all, [&] { limits_.check(); });
        direction.walk(step, own);
      }
    });
  }

  const RunLimits& limits_;
  std::vector<BackwardDirection> directions_;
};

/// One direction of a call; `index` 1 is the reverse one.
DirectionVjp direction_vjp(VjpCall& call, const CellOp& op, const InputPlaces& places, const ReserveLayout& layout,
                           int index) {
  const bool over_time = places.lengths >= 0;
  const CellSizes sizes = cell_sizes(call, op, places);
  const std::int64_t first = index * sizes.width, first_cell = index * sizes.hidden;
  const int h = over_time ? 1 : 0, c = h + 1;  // places of the final states among the outputs
  DirectionVjp direction{.weights = direction_weights(call, op, places, index),
                         .gradients = {},
                         .view = input_view(call, op, places, index),
                         .reserve = layout.arrays(call.outputs.back().data<float>(), count_slots(call, places), index)};
  const OpArgs wanted{call.label, call.grad_inputs, {}, call.attrs};
  direction.gradients = direction_weights(wanted, op, places, index);
  direction.dx = call.grad_inputs[places.x];
  direction.dh0 = mutable_columns_of(call.grad_inputs[places.h], first);
  direction.dh = columns_of(call.grad_outputs[h], first);
  if (over_time) {
    direction.y = columns_of(call.outputs[0], first);
    direction.dy = columns_of(call.grad_outputs[0], first);
  }
  if (!op.kind.has_cell_state) return direction;
  direction.dc0 = mutable_columns_of(call.grad_inputs[places.c], first_cell);
  direction.dc = columns_of(call.grad_outputs[c], first_cell);
  return direction;
}

void require_row_major(const OpArgs& args, const DirectionWeights& weights) {
  for (const Tensor& weight : {weights.w_ih, weights.w_hh, weights.w_hr}) {
    if (!weight.is_packed()) continue;
    throw UnsupportedError(std::string(args.label) + ": a packed weight has no gradient, expected a row-major one");
  }
}

void fill_with_zeros(std::span<Tensor> tensors) {
  for (Tensor& tensor : tensors) {
    if (tensor.defined()) std::fill_n(tensor.mutable_data<float>(), tensor.num_elements(), 0.0F);
  }
}

}  // namespace

VjpReads recurrent_vjp_reads(const CellOp& op, const InputPlaces& places) {
  VjpReads reads{.inputs = recurrent_differentiable(op, places)};
  if (places.lengths >= 0) {
    reads.inputs |= VjpReads::bits({places.lengths});
    reads.outputs |= VjpReads::bits({0});
  }
  for (int direction = 0; direction < places.directions; ++direction) {
    const auto [b_ih, b_hh] = bias_places(places, direction);
    reads.inputs &= ~VjpReads::bits({b_ih, b_hh});
  }
  const int outputs = (places.lengths >= 0 ? 2 : 1) + (op.kind.has_cell_state ? 1 : 0);
  reads.outputs |= VjpReads::bits({outputs});
  return reads;
}

std::uint32_t recurrent_differentiable(const CellOp& op, const InputPlaces& places) {
  const auto inputs = static_cast<int>(input_defs(op, places).size());
  std::uint32_t set = 0;
  for (int place = 0; place < inputs; ++place) {
    if (place != places.lengths) set |= VjpReads::bits({place});
  }
  return set;
}

void recurrent_vjp(VjpCall& call, const CellOp& op, const InputPlaces& places, const LayerOptions& options) {
  const ReserveLayout layout = reserve_layout(call, op, places, options);
  std::vector<DirectionVjp> directions;
  for (const int index : {0, 1}) {
    if (index == 1 && !is_bidirectional(call, places)) break;
    directions.push_back(direction_vjp(call, op, places, layout, index));
    directions.back().adds_to_dx = index == 1;
    require_row_major(call, directions.back().weights);
  }
  const SequenceView& view = directions.front().view;
  if (view.batch == 0 || view.hidden == 0 || view.width == 0) return fill_with_zeros(call.grad_inputs);
  BackwardLayer(op.kind, options, directions, call.scratch, call.limits).run();
}

}  // namespace pyseq
