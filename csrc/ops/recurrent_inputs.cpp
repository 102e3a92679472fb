#include "ops/recurrent_inputs.h"

#include <numeric>

#include "ops/checks.h"

namespace pyseq {
namespace {

// Places in a group of weights.
enum Weight { kWIh, kWHh, kBIh, kBHh, kNumWeights };
constexpr std::string_view kWeightNames[2][kNumWeights] = {
    {"w_ih", "w_hh", "b_ih", "b_hh"}, {"w_ih_reverse", "w_hh_reverse", "b_ih_reverse", "b_hh_reverse"}};
// Places in a group of variants; cells other than the LSTMs have the first two.
enum Variant { kNormIh, kNormHh, kNormC, kNormCBias, kPeephole, kWHr, kNumVariants };
constexpr std::string_view kVariantNames[2][kNumVariants] = {
    {"norm_ih", "norm_hh", "norm_c", "norm_c_bias", "peephole", "w_hr"},
    {"norm_ih_reverse", "norm_hh_reverse", "norm_c_reverse", "norm_c_bias_reverse", "peephole_reverse",
     "w_hr_reverse"}};

int num_variants(const CellOp& op) {
  return op.variants == CellVariants::none ? 0 : op.variants == CellVariants::norms ? kNormC : kNumVariants;
}

/// One direction of a call.
struct DirectionArgs {
  const OpArgs& args;
  const CellOp& op;
  const InputPlaces& places;
  int direction;

  const Tensor& weight(Weight weight) const { return args.inputs[places.weights[direction] + weight]; }
  /// Undefined where the op has no such variant.
  Tensor variant(Variant variant) const {
    return variant < num_variants(op) ? args.inputs[places.variants[direction] + variant] : Tensor();
  }
  std::string_view weight_name(Weight weight) const { return kWeightNames[direction][weight]; }
  std::string_view variant_name(Variant variant) const { return kVariantNames[direction][variant]; }
};

[[noreturn]] void throw_missing(std::string_view label, std::string_view name, std::string_view beside) {
  throw ValueError(std::string(label) + ": " + std::string(name) + " is missing beside " + std::string(beside));
}

/// A matrix whose sizes may be multiplied with each other and with the gates, far from overflow.
void check_matrix(std::string_view label, std::string_view name, const Tensor& matrix, std::string_view expected) {
  check_rank(label, name, matrix, 2);
  constexpr std::int64_t kMostHidden = std::int64_t{1} << 32;
  if (matrix.size(0) > 4 * kMostHidden || matrix.size(1) > kMostHidden) {
    throw_shape(label, name, "shape " + matrix.shape().to_string(), expected);
  }
}

CellSizes sizes_of(const DirectionArgs& of) {
  const std::int64_t in = of.args.inputs[of.places.x].size(-1);
  const Tensor w_hr = of.variant(kWHr);
  if (w_hr.defined()) return {in, w_hr.size(1), w_hr.size(0)};
  const std::int64_t hidden = of.weight(kWHh).size(1);
  return {in, hidden, hidden};
}

void check_weights(const DirectionArgs& of, const CellSizes& sizes) {
  const std::string_view label = of.args.label;
  const int gates = of.op.kind.gates;
  const std::int64_t rows = gates * sizes.hidden;
  const std::string because = std::to_string(gates) + " gates of " + std::to_string(sizes.hidden) + " hidden units";
  // First w_hh, which the number of hidden units was read from: a mistake in it is not blamed on the others.
  check_weight(label, of.weight_name(kWHh), of.weight(kWHh), gates, rows, sizes.width, because);
  check_weight(label, of.weight_name(kWIh), of.weight(kWIh), gates, rows, sizes.in, because + ", last dimension of x");
  for (const Weight bias : {kBIh, kBHh}) {
    if (!of.weight(bias).defined()) continue;
    check_tensor(label, of.weight_name(bias), of.weight(bias), DType::float32, {rows}, because);
  }
}

void check_variants(const DirectionArgs& of, const CellSizes& sizes) {
  const std::string_view label = of.args.label;
  const std::int64_t gates = of.op.kind.gates, hidden = sizes.hidden;
  const std::string units = std::to_string(hidden) + " hidden units";
  const auto check = [&](Variant variant, std::int64_t size, const std::string& because) {
    const Tensor tensor = of.variant(variant);
    if (tensor.defined()) check_tensor(label, of.variant_name(variant), tensor, DType::float32, {size}, because);
  };
  const std::string all_gates = std::to_string(gates) + " gates of " + units;
  check(kNormIh, gates * hidden, all_gates);
  check(kNormHh, gates * hidden, all_gates);
  check(kNormC, hidden, units);
  check(kNormCBias, hidden, units);
  check(kPeephole, (gates - 1) * hidden, std::to_string(gates - 1) + " gates of " + units);
  const Tensor w_hr = of.variant(kWHr);
  if (w_hr.defined()) {
    check_weight(label, of.variant_name(kWHr), w_hr, 1, sizes.width, hidden, "h, " + units);
    if (sizes.width == 0) throw_shape(label, of.variant_name(kWHr), "no rows", "at least one");
  }
  const auto require = [&](Variant variant, Variant beside) {
    if (of.variant(beside).defined() && !of.variant(variant).defined()) {
      throw_missing(label, of.variant_name(variant), of.variant_name(beside));
    }
  };
  require(kNormIh, kNormHh);
  require(kNormHh, kNormIh);
  require(kNormIh, kNormC);
  require(kNormC, kNormCBias);
}

/// The reverse direction needs both weights and the variants of the forward one; nothing else means anything without.
void check_reverse_is_complete(const DirectionArgs& forward, const DirectionArgs& reverse) {
  const std::string_view label = forward.args.label;
  const auto require = [&](Weight weight, Weight beside) {
    if (reverse.weight(weight).defined() || !reverse.weight(beside).defined()) return;
    throw_missing(label, reverse.weight_name(weight), reverse.weight_name(beside));
  };
  require(kWHh, kWIh);
  require(kWIh, kWHh);
  require(kWIh, kBIh);
  require(kWIh, kBHh);
  const bool has_reverse = reverse.weight(kWIh).defined();
  for (int v = 0; v < num_variants(forward.op); ++v) {
    const auto variant = static_cast<Variant>(v);
    const bool in_forward = forward.variant(variant).defined(), in_reverse = reverse.variant(variant).defined();
    if (in_reverse && !has_reverse) {
      throw_missing(label, reverse.weight_name(kWIh), reverse.variant_name(variant));
    }
    if (!has_reverse || in_forward == in_reverse) continue;
    const std::string_view names[] = {forward.variant_name(variant), reverse.variant_name(variant)};
    throw_missing(label, names[in_forward ? 1 : 0], names[in_forward ? 0 : 1]);
  }
}

}  // namespace

InputPlaces sequence_places(const CellOp& op) {
  InputPlaces places{.x = 0, .weights = {1, 1 + kNumWeights}, .directions = 2};
  places.lengths = 1 + 2 * kNumWeights;
  places.h = places.lengths + 1;
  places.c = places.h + 1;
  places.variants[0] = places.h + (op.kind.has_cell_state ? 2 : 1);
  places.variants[1] = places.variants[0] + num_variants(op);
  return places;
}

InputPlaces step_places(const CellOp& op) {
  InputPlaces places{.x = 0, .h = 1, .c = 2};
  places.weights[0] = op.kind.has_cell_state ? 3 : 2;
  places.variants[0] = places.weights[0] + kNumWeights;
  return places;
}

std::vector<InputDef> input_defs(const CellOp& op, const InputPlaces& places) {
  const int groups = kNumWeights + num_variants(op);
  const int others = (op.kind.has_cell_state ? 3 : 2) + (places.lengths >= 0 ? 1 : 0);
  std::vector<InputDef> inputs(static_cast<std::size_t>(others + places.directions * groups));
  const auto at = [&inputs](int place) -> InputDef& { return inputs[static_cast<std::size_t>(place)]; };
  const bool over_time = places.lengths >= 0;
  const InputKind state = over_time ? InputKind::optional : InputKind::tensor;
  at(places.x) = {"x"};
  at(places.h) = {over_time ? "h0" : "h", state};
  if (op.kind.has_cell_state) at(places.c) = {over_time ? "c0" : "c", state};
  if (over_time) at(places.lengths) = {"lengths", InputKind::optional};
  for (int direction = 0; direction < places.directions; ++direction) {
    const InputKind needed = direction == 0 ? InputKind::tensor : InputKind::optional;
    for (int w = 0; w < kNumWeights; ++w) {
      InputDef& weight = at(places.weights[direction] + w);
      const bool is_matrix = w == kWIh || w == kWHh;
      weight = {kWeightNames[direction][w], is_matrix ? needed : InputKind::optional, is_matrix ? op.kind.gates : 0};
    }
    for (int v = 0; v < num_variants(op); ++v) {
      at(places.variants[direction] + v) = {kVariantNames[direction][v], InputKind::optional, v == kWHr ? 1 : 0};
    }
  }
  return inputs;
}

std::pair<int, int> bias_places(const InputPlaces& places, int direction) {
  return {places.weights[direction] + kBIh, places.weights[direction] + kBHh};
}

bool is_bidirectional(const OpArgs& args, const InputPlaces& places) {
  return places.directions == 2 && args.has(places.weights[1] + kWIh);
}

DirectionWeights direction_weights(const OpArgs& args, const CellOp& op, const InputPlaces& places, int direction) {
  const DirectionArgs of{args, op, places, direction};
  return {.w_ih = of.weight(kWIh),
          .w_hh = of.weight(kWHh),
          .b_ih = of.weight(kBIh),
          .b_hh = of.weight(kBHh),
          .norm_ih = of.variant(kNormIh),
          .norm_hh = of.variant(kNormHh),
          .norm_c = of.variant(kNormC),
          .norm_c_bias = of.variant(kNormCBias),
          .peephole = of.variant(kPeephole),
          .w_hr = of.variant(kWHr)};
}

CellSizes cell_sizes(const OpArgs& args, const CellOp& op, const InputPlaces& places) {
  return sizes_of({args, op, places, 0});
}

std::int64_t count_slots(const OpArgs& args, const InputPlaces& places) {
  const Tensor& x = args.inputs[places.x];
  if (places.lengths < 0) return x.size(0);
  const Tensor& lengths = args.inputs[places.lengths];
  if (!lengths.defined()) return x.size(0) * x.size(1);
  const auto values = lengths.values<std::int64_t>();
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

SequenceView input_view(const OpArgs& args, const CellOp& op, const InputPlaces& places, int direction) {
  const Tensor& x = args.inputs[places.x];
  const CellSizes sizes = cell_sizes(args, op, places);
  const bool is_ragged = places.lengths >= 0 && args.has(places.lengths);
  SequenceView view{.batch = x.size(0),
                    .time = places.lengths < 0 ? 1 : x.size(1),
                    .in = sizes.in,
                    .hidden = sizes.hidden,
                    .width = sizes.width,
                    .x = x.data<float>(),
                    .lengths = is_ragged ? args.inputs[places.lengths].data<std::int64_t>() : nullptr,
                    .reverse = direction == 1,
                    .h0 = columns_of(args.inputs[places.h], direction * sizes.width)};
  if (op.kind.has_cell_state) view.c0 = columns_of(args.inputs[places.c], direction * sizes.hidden);
  return view;
}

CellSizes check_cell_weights(const OpArgs& args, const CellOp& op, const InputPlaces& places) {
  const DirectionArgs forward{args, op, places, 0}, reverse{args, op, places, 1};
  check_matrix(args.label, forward.weight_name(kWHh), forward.weight(kWHh), "[gates * hidden, hidden]");
  if (const Tensor w_hr = forward.variant(kWHr); w_hr.defined()) {
    check_matrix(args.label, forward.variant_name(kWHr), w_hr, "[size of h, hidden]");
  }
  const CellSizes sizes = sizes_of(forward);
  check_weights(forward, sizes);
  check_variants(forward, sizes);
  if (places.directions == 1) return sizes;
  check_reverse_is_complete(forward, reverse);
  if (!is_bidirectional(args, places)) return sizes;
  check_weights(reverse, sizes);
  check_variants(reverse, sizes);
  return sizes;
}

}  // namespace pyseq
