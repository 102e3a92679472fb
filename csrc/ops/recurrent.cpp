// rnn, gru, simple_gru, lstm and coupled_lstm over a sequence, in one direction or both, and their one-step forms. The
// steps take the same path as a sequence of length one, and give the same bits.
#include <algorithm>

#include "ops/activations.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/recurrent_reserve.h"
#include "ops/recurrent_vjp.h"

namespace pyseq {
namespace {

constexpr CellOp kRnn{kRnnCell, CellVariants::none};
constexpr CellOp kGru{kGruCell, CellVariants::norms};
constexpr CellOp kSimpleGru{kSimpleGruCell, CellVariants::norms};
constexpr CellOp kLstm{kLstmCell, CellVariants::lstm};
constexpr CellOp kCoupledLstm{kCoupledLstmCell, CellVariants::lstm};

template <const CellOp& op>
std::vector<AttrDef> attributes() {
  if constexpr (&op == &kRnn) return {{"nonlinearity", std::string("tanh")}};
  if constexpr (&op == &kGru) return {{"epsilon", 1e-5}, {"reset", std::string("after")}};
  return {{"epsilon", 1e-5}};
}

bool parse_reset_before(std::string_view label, const std::string& reset) {
  if (reset == "before") return true;
  if (reset == "after") return false;
  throw_value(label, "reset", in_quotes(reset), "after or before");
}

template <const CellOp& op>
LayerOptions layer_options(const OpArgs& args) {
  LayerOptions options{.cell = op.kind.cell};
  if constexpr (&op == &kRnn) {
    const bool is_relu = parse_nonlinearity(args.label, args.attrs.text(0)) == Activation::relu;
    if (is_relu) options.cell = RecurrentCell::rnn_relu;
  } else {
    options.epsilon = static_cast<float>(args.attrs.real(0));
  }
  if constexpr (&op == &kGru) options.reset_before = parse_reset_before(args.label, args.attrs.text(1));
  return options;
}

/// Everything but the states and lengths.
template <const CellOp& op>
CellSizes check_cell(const OpArgs& args, const InputPlaces& places) {
  const LayerOptions options = layer_options<op>(args);
  const CellSizes sizes = check_cell_weights(args, op, places);
  if (options.reset_before && direction_weights(args, op, places, 0).norm_ih.defined()) {
    throw_value(args.label, "reset", "'before' beside norm_ih", "after");
  }
  return sizes;
}

/// The type of the last output, which only the vjp reads.
template <const CellOp& op>
TensorType reserve_type(const OpArgs& args, const InputPlaces& places) {
  const Shape& x = args.inputs[places.x].shape();
  const std::int64_t directions = is_bidirectional(args, places) ? 2 : 1, time = x.rank() == 2 ? 1 : x[1];
  const std::int64_t values = reserve_layout(args, op, places, layer_options<op>(args)).values();
  return {DType::float32, {Shape{directions, x[0], time, values}.num_elements()}};
}

/// Runs the directions of a call whose outputs are in their views; with the reserve, when it is wanted.
template <const CellOp& op>
void run_directions(OpCall& call, const InputPlaces& places, std::span<DirectionCall> directions) {
  const LayerOptions options = layer_options<op>(call);
  if (Tensor& reserve = call.outputs.back(); reserve.defined()) {
    const ReserveLayout layout = reserve_layout(call, op, places, options);
    const std::int64_t slots = count_slots(call, places);
    float* values = reserve.mutable_data<float>();
    int index = 0;
    for (DirectionCall& direction : directions) direction.reserve = layout.arrays(values, slots, index++);
    std::fill(values + index * slots * layout.values(), values + reserve.num_elements(), 0.0F);
  }
  run_layer(op.kind, options, directions, call.scratch, call.limits);
}

/// Flops of the products for every row and step.
OpCost recurrent_cost(const OpArgs& args, const CellOp& op, const InputPlaces& places,
                      std::span<const TensorType> outputs, double rows) {
  double weights = 0;
  for (int direction = 0; direction < (is_bidirectional(args, places) ? 2 : 1); ++direction) {
    const DirectionWeights of = direction_weights(args, op, places, direction);
    for (const Tensor& weight : {of.w_ih, of.w_hh, of.w_hr}) {
      if (weight.defined()) weights += static_cast<double>(weight.shape().num_elements());
    }
  }
  return {2 * rows * weights, bytes_moved(args, outputs)};
}

// ---- over a sequence

template <const CellOp& op>
void infer_sequence(const OpArgs& args, std::span<TensorType> outputs) {
  const InputPlaces places = sequence_places(op);
  const Tensor& x = args.inputs[places.x];
  check_tensor(args.label, "x", x, DType::float32, {-1, -1, -1});
  const CellSizes sizes = check_cell<op>(args, places);
  const std::int64_t batch = x.size(0), directions = is_bidirectional(args, places) ? 2 : 1;
  const std::string batch_of_x = "batch of x " + x.shape().to_string();
  if (args.has(places.lengths)) {
    check_tensor(args.label, "lengths", args.inputs[places.lengths], DType::int64, {batch}, batch_of_x);
  }
  const auto check_state = [&](int place, std::string_view name, std::int64_t width, std::string_view because) {
    if (args.has(place)) check_tensor(args.label, name, args.inputs[place], DType::float32, {batch, width}, because);
  };
  check_state(places.h, "h0", directions * sizes.width, "batch of x, directions * hidden");
  outputs[0] = {DType::float32, {batch, x.size(1), directions * sizes.width}};
  outputs[1] = {DType::float32, {batch, directions * sizes.width}};
  outputs.back() = reserve_type<op>(args, places);
  if (!op.kind.has_cell_state) return;
  check_state(places.c, "c0", directions * sizes.hidden, "batch of x, directions * hidden");
  outputs[2] = {DType::float32, {batch, directions * sizes.hidden}};
}

void zero_beyond_lengths(const std::int64_t* lengths, Tensor& y) {
  const std::int64_t batch = y.size(0), time = y.size(1), width = y.size(2);
  float* values = y.mutable_data<float>();
  for (std::int64_t row = 0; row < batch; ++row) {
    std::fill_n(values + (row * time + lengths[row]) * width, (time - lengths[row]) * width, 0.0f);
  }
}

template <const CellOp& op>
void forward_sequence(OpCall& call) {
  const InputPlaces places = sequence_places(op);
  const Tensor& x = call.inputs[places.x];
  Tensor& y = call.outputs[0];
  const CellSizes sizes = cell_sizes(call, op, places);
  const std::int64_t batch = x.size(0), time = x.size(1);
  const std::int64_t* lengths = nullptr;
  if (call.has(places.lengths)) {
    check_lengths(call.label, call.inputs[places.lengths], batch, time);
    lengths = call.inputs[places.lengths].data<std::int64_t>();
  }
  if (y.size(2) == 0) return;
  if (lengths != nullptr) zero_beyond_lengths(lengths, y);
  std::vector<DirectionCall> directions;
  for (const int direction : {0, 1}) {
    if (direction == 1 && !is_bidirectional(call, places)) break;
    SequenceView view = input_view(call, op, places, direction);
    view.y = mutable_columns_of(y, direction * sizes.width);
    view.h = mutable_columns_of(call.outputs[1], direction * sizes.width);
    if (op.kind.has_cell_state) view.c = mutable_columns_of(call.outputs[2], direction * sizes.hidden);
    directions.push_back({direction_weights(call, op, places, direction), view});
  }
  run_directions<op>(call, places, directions);
}

template <const CellOp& op>
OpCost cost_sequence(const OpArgs& args, std::span<const TensorType> outputs) {
  const InputPlaces places = sequence_places(op);
  const Shape& x = args.inputs[places.x].shape();
  return recurrent_cost(args, op, places, outputs, static_cast<double>(x[0] * x[1]));
}

// ---- one step

template <const CellOp& op>
void infer_step(const OpArgs& args, std::span<TensorType> outputs) {
  const InputPlaces places = step_places(op);
  const Tensor& x = args.inputs[places.x];
  check_tensor(args.label, "x", x, DType::float32, {-1, -1});
  const CellSizes sizes = check_cell<op>(args, places);
  const std::int64_t batch = x.size(0);
  check_tensor(args.label, "h", args.inputs[places.h], DType::float32, {batch, sizes.width}, "batch of x, hidden");
  outputs[0] = {DType::float32, {batch, sizes.width}};
  outputs.back() = reserve_type<op>(args, places);
  if (!op.kind.has_cell_state) return;
  check_tensor(args.label, "c", args.inputs[places.c], DType::float32, {batch, sizes.hidden}, "batch of x, hidden");
  outputs[1] = {DType::float32, {batch, sizes.hidden}};
}

template <const CellOp& op>
void forward_step(OpCall& call) {
  const InputPlaces places = step_places(op);
  if (cell_sizes(call, op, places).hidden == 0) return;
  DirectionCall direction{direction_weights(call, op, places, 0), input_view(call, op, places, 0)};
  direction.view.h = mutable_columns_of(call.outputs[0], 0);
  if (op.kind.has_cell_state) direction.view.c = mutable_columns_of(call.outputs[1], 0);
  run_directions<op>(call, places, {&direction, 1});
}

template <const CellOp& op>
OpCost cost_step(const OpArgs& args, std::span<const TensorType> outputs) {
  const InputPlaces places = step_places(op);
  return recurrent_cost(args, op, places, outputs, static_cast<double>(args.inputs[places.x].size(0)));
}

// ---- registration

template <const CellOp& op, InputPlaces (*places)(const CellOp&)>
void vjp(VjpCall& call) {
  recurrent_vjp(call, op, places(op), layer_options<op>(call));
}

/// The op over a sequence or a single step, without its functions.
template <const CellOp& op>
OpDef cell_def(std::string_view name, const InputPlaces& places, std::vector<OutputDef> outputs) {
  if (op.kind.has_cell_state) outputs.push_back({"c"});
  outputs.push_back({.name = "reserve", .optional = true, .differentiable = false, .for_vjp = true});
  OpDef def{.name = name,
            .inputs = input_defs(op, places),
            .attrs = attributes<op>(),
            .outputs = std::move(outputs),
            .vjp_reads = recurrent_vjp_reads(op, places),
            .differentiable = recurrent_differentiable(op, places)};
  return def;
}

template <const CellOp& op>
void add_cell(std::vector<OpDef>& ops, std::string_view name, std::string_view step_name) {
  OpDef sequence = cell_def<op>(name, sequence_places(op), {{"y"}, {"h"}});
  sequence.infer = infer_sequence<op>;
  sequence.forward = forward_sequence<op>;
  sequence.cost = cost_sequence<op>;
  sequence.vjp = vjp<op, sequence_places>;
  ops.push_back(std::move(sequence));
  OpDef step = cell_def<op>(step_name, step_places(op), {{"h"}});
  step.infer = infer_step<op>;
  step.forward = forward_step<op>;
  step.cost = cost_step<op>;
  step.vjp = vjp<op, step_places>;
  ops.push_back(std::move(step));
}

}  // namespace

void add_recurrent_ops(std::vector<OpDef>& ops) {
  add_cell<kRnn>(ops, "rnn", "rnn_step");
  add_cell<kGru>(ops, "gru", "gru_step");
  add_cell<kSimpleGru>(ops, "simple_gru", "simple_gru_step");
  add_cell<kLstm>(ops, "lstm", "lstm_step");
  add_cell<kCoupledLstm>(ops, "coupled_lstm", "coupled_lstm_step");
}

}  // namespace pyseq
