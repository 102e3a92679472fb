// rnn, gru and lstm over a sequence, in one direction or both, and their one-step forms. The steps take the same path
// as a sequence of length one, and give the same bits.
#include <algorithm>

#include "ops/activations.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/recurrent_layer.h"

namespace pyseq {
namespace {

// Inputs of the sequence ops; c0 is there for lstm only. Weights of the reverse direction follow those of the forward
// one in the same order.
constexpr int kX = 0, kForwardWeights = 1, kReverseWeights = 5, kLengths = 9, kH0 = 10, kC0 = 11;
// Places in a group of weights.
constexpr int kWIh = 0, kWHh = 1, kBIh = 2, kBHh = 3;
constexpr int kReverseWIh = kReverseWeights + kWIh, kReverseWHh = kReverseWeights + kWHh;
constexpr std::string_view kWeightNames[2][4] = {{"w_ih", "w_hh", "b_ih", "b_hh"},
                                                 {"w_ih_reverse", "w_hh_reverse", "b_ih_reverse", "b_hh_reverse"}};

Activation nonlinearity(const OpArgs& args, const CellKind& kind) {
  const bool is_rnn = kind.gates == kRnnCell.gates;
  return is_rnn ? parse_nonlinearity(args.label, args.attrs.text(0)) : Activation::none;
}

DirectionWeights weights_at(const OpArgs& args, int first) {
  return {args.inputs[first + kWIh], args.inputs[first + kWHh], args.inputs[first + kBIh], args.inputs[first + kBHh]};
}

/// hidden, from w_hh [gates * hidden, hidden].
std::int64_t hidden_size(const OpArgs& args, int first) {
  return args.inputs[first + kWHh].size(1);
}

/// The weights from input `first` on: their shapes for `in` and `hidden`, packed or not.
void check_weights(const OpArgs& args, int first, const std::string_view (&names)[4], int gates, std::int64_t in,
                   std::int64_t hidden) {
  const std::string because = std::to_string(gates) + " gates of " + std::to_string(hidden) + " hidden units";
  const std::int64_t rows = gates * hidden;
  // First w_hh, which `hidden` was read from: a mistake in it is not blamed on the others.
  check_weight(args.label, names[kWHh], args.inputs[first + kWHh], gates, rows, hidden, because);
  check_weight(args.label, names[kWIh], args.inputs[first + kWIh], gates, rows, in, because + ", last dimension of x");
  for (const int bias : {kBIh, kBHh}) {
    if (!args.has(first + bias)) continue;
    check_tensor(args.label, names[bias], args.inputs[first + bias], DType::float32, {rows}, because);
  }
}

/// w_hh must be a matrix before its sizes are used; `hidden` comes from its columns.
std::int64_t checked_hidden(const OpArgs& args, int first, std::string_view name) {
  const Tensor& w_hh = args.inputs[first + kWHh];
  check_rank(args.label, name, w_hh, 2);
  constexpr std::int64_t kMostHidden = std::int64_t{1} << 32;  // products with the gates stay far from overflow
  if (w_hh.size(1) > kMostHidden) {
    throw_shape(args.label, name, "shape " + w_hh.shape().to_string(), "[gates * hidden, hidden]");
  }
  return hidden_size(args, first);
}

/// Flops of the two products for every row and step.
OpCost recurrent_cost(const OpArgs& args, std::span<const TensorType> outputs, double rows, int directions) {
  double weights = 0;
  for (int direction = 0; direction < directions; ++direction) {
    const int first = direction == 0 ? kForwardWeights : kReverseWeights;
    for (const int weight : {kWIh, kWHh}) {
      weights += static_cast<double>(args.inputs[first + weight].shape().num_elements());
    }
  }
  return {2 * rows * weights, bytes_moved(args, outputs)};
}

// ---- over a sequence

bool is_bidirectional(const OpArgs& args) {
  return args.has(kReverseWIh);
}

/// The reverse direction needs both weights; its biases mean nothing without them.
void check_reverse_is_complete(const OpArgs& args) {
  const auto require = [&](int input, int beside) {
    if (args.has(input) || !args.has(beside)) return;
    const auto& names = kWeightNames[1];
    throw ValueError(std::string(args.label) + ": " + std::string(names[input - kReverseWeights]) +
                     " is missing beside " + std::string(names[beside - kReverseWeights]));
  };
  require(kReverseWHh, kReverseWIh);
  require(kReverseWIh, kReverseWHh);
  require(kReverseWIh, kReverseWeights + kBIh);
  require(kReverseWIh, kReverseWeights + kBHh);
}

template <const CellKind& kind>
void infer_sequence(const OpArgs& args, std::span<TensorType> outputs) {
  nonlinearity(args, kind);
  const Tensor& x = args.inputs[kX];
  check_tensor(args.label, "x", x, DType::float32, {-1, -1, -1});
  const std::int64_t batch = x.size(0), hidden = checked_hidden(args, kForwardWeights, kWeightNames[0][kWHh]);
  check_weights(args, kForwardWeights, kWeightNames[0], kind.gates, x.size(2), hidden);
  check_reverse_is_complete(args);
  if (is_bidirectional(args)) check_weights(args, kReverseWeights, kWeightNames[1], kind.gates, x.size(2), hidden);
  const std::int64_t width = (is_bidirectional(args) ? 2 : 1) * hidden;
  const std::string batch_of_x = "batch of x " + x.shape().to_string();
  if (args.has(kLengths)) check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {batch}, batch_of_x);
  for (const int state : {kH0, kC0}) {
    if (state == kC0 && !kind.has_cell_state) continue;
    if (!args.has(state)) continue;
    check_tensor(args.label, state == kH0 ? "h0" : "c0", args.inputs[state], DType::float32, {batch, width},
                 "batch of x, directions * hidden");
  }
  outputs[0] = {DType::float32, {batch, x.size(1), width}};
  outputs[1] = {DType::float32, {batch, width}};
  if (kind.has_cell_state) outputs[2] = outputs[1];
}

void zero_beyond_lengths(const std::int64_t* lengths, Tensor& y) {
  const std::int64_t batch = y.size(0), time = y.size(1), width = y.size(2);
  float* values = y.mutable_data<float>();
  for (std::int64_t row = 0; row < batch; ++row) {
    std::fill_n(values + (row * time + lengths[row]) * width, (time - lengths[row]) * width, 0.0f);
  }
}

/// The `hidden` columns of one direction in a matrix that holds them side by side; nothing for an undefined tensor.
Columns<const float> columns_of(const Tensor& tensor, std::int64_t first) {
  if (!tensor.defined()) return {};
  return {tensor.data<float>() + first, tensor.size(-1)};
}
Columns<float> columns_of(Tensor& tensor, std::int64_t first) {
  return {tensor.mutable_data<float>() + first, tensor.size(-1)};
}

template <const CellKind& kind>
void forward_sequence(OpCall& call) {
  const Tensor& x = call.inputs[kX];
  Tensor& y = call.outputs[0];
  const std::int64_t batch = x.size(0), time = x.size(1), hidden = hidden_size(call, kForwardWeights);
  const std::int64_t* lengths = nullptr;
  if (call.has(kLengths)) {
    check_lengths(call.label, call.inputs[kLengths], batch, time);
    lengths = call.inputs[kLengths].data<std::int64_t>();
  }
  if (y.size(2) == 0) return;
  if (lengths != nullptr) zero_beyond_lengths(lengths, y);
  for (const bool reverse : {false, true}) {
    if (reverse && !is_bidirectional(call)) break;
    const std::int64_t first = reverse ? hidden : 0;
    const SequenceView view{.batch = batch,
                            .time = time,
                            .in = x.size(2),
                            .hidden = hidden,
                            .x = x.data<float>(),
                            .lengths = lengths,
                            .reverse = reverse,
                            .h0 = columns_of(call.inputs[kH0], first),
                            .c0 = kind.has_cell_state ? columns_of(call.inputs[kC0], first) : Columns<const float>{},
                            .y = columns_of(y, first),
                            .h = columns_of(call.outputs[1], first),
                            .c = kind.has_cell_state ? columns_of(call.outputs[2], first) : Columns<float>{}};
    run_direction(kind, nonlinearity(call, kind), weights_at(call, reverse ? kReverseWeights : kForwardWeights), view,
                  call.scratch, call.limits);
  }
}

OpCost cost_sequence(const OpArgs& args, std::span<const TensorType> outputs) {
  const Shape& x = args.inputs[kX].shape();
  return recurrent_cost(args, outputs, static_cast<double>(x[0] * x[1]), is_bidirectional(args) ? 2 : 1);
}

// ---- one step: x [batch, in], h [batch, hidden], for lstm c, then the weights

template <const CellKind& kind>
constexpr int step_weights = kind.has_cell_state ? 3 : 2;

template <const CellKind& kind>
void infer_step(const OpArgs& args, std::span<TensorType> outputs) {
  nonlinearity(args, kind);
  constexpr int kFirst = step_weights<kind>;
  const Tensor& x = args.inputs[0];
  check_tensor(args.label, "x", x, DType::float32, {-1, -1});
  const std::int64_t batch = x.size(0), hidden = checked_hidden(args, kFirst, kWeightNames[0][kWHh]);
  check_weights(args, kFirst, kWeightNames[0], kind.gates, x.size(1), hidden);
  for (int state = 1; state < kFirst; ++state) {
    check_tensor(args.label, state == 1 ? "h" : "c", args.inputs[state], DType::float32, {batch, hidden},
                 "batch of x, hidden");
    outputs[state - 1] = {DType::float32, {batch, hidden}};
  }
}

template <const CellKind& kind>
void forward_step(OpCall& call) {
  constexpr int kFirst = step_weights<kind>;
  const Tensor& x = call.inputs[0];
  const std::int64_t hidden = hidden_size(call, kFirst);
  if (hidden == 0) return;
  const SequenceView view{.batch = x.size(0),
                          .time = 1,
                          .in = x.size(1),
                          .hidden = hidden,
                          .x = x.data<float>(),
                          .lengths = nullptr,
                          .reverse = false,
                          .h0 = columns_of(call.inputs[1], 0),
                          .c0 = kind.has_cell_state ? columns_of(call.inputs[2], 0) : Columns<const float>{},
                          .y = {},
                          .h = columns_of(call.outputs[0], 0),
                          .c = kind.has_cell_state ? columns_of(call.outputs[1], 0) : Columns<float>{}};
  run_direction(kind, nonlinearity(call, kind), weights_at(call, kFirst), view, call.scratch, call.limits);
}

template <const CellKind& kind>
OpCost cost_step(const OpArgs& args, std::span<const TensorType> outputs) {
  constexpr int kFirst = step_weights<kind>;
  const double weights = static_cast<double>(args.inputs[kFirst + kWIh].shape().num_elements()) +
                         static_cast<double>(args.inputs[kFirst + kWHh].shape().num_elements());
  return {2 * static_cast<double>(args.inputs[0].size(0)) * weights, bytes_moved(args, outputs)};
}

// ---- registration

void add_weights(std::vector<InputDef>& inputs, const std::string_view (&names)[4], InputKind kind, int gates) {
  inputs.push_back({names[kWIh], kind, gates});
  inputs.push_back({names[kWHh], kind, gates});
  inputs.push_back({names[kBIh], InputKind::optional});
  inputs.push_back({names[kBHh], InputKind::optional});
}

template <const CellKind& kind>
void add_cell(std::vector<OpDef>& ops, std::string_view name, std::string_view step_name, std::vector<AttrDef> attrs) {
  OpDef sequence{.name = name,
                 .inputs = {{"x"}},
                 .attrs = attrs,
                 .outputs = {{"y"}, {"h"}},
                 .infer = infer_sequence<kind>,
                 .forward = forward_sequence<kind>,
                 .cost = cost_sequence};
  add_weights(sequence.inputs, kWeightNames[0], InputKind::tensor, kind.gates);
  add_weights(sequence.inputs, kWeightNames[1], InputKind::optional, kind.gates);
  sequence.inputs.push_back({"lengths", InputKind::optional});
  sequence.inputs.push_back({"h0", InputKind::optional});

  OpDef step{.name = step_name,
             .inputs = {{"x"}, {"h"}},
             .attrs = std::move(attrs),
             .outputs = {{"h"}},
             .infer = infer_step<kind>,
             .forward = forward_step<kind>,
             .cost = cost_step<kind>};
  if (kind.has_cell_state) {
    sequence.inputs.push_back({"c0", InputKind::optional});
    sequence.outputs.push_back({"c"});
    step.inputs.push_back({"c"});
    step.outputs.push_back({"c"});
  }
  add_weights(step.inputs, kWeightNames[0], InputKind::tensor, kind.gates);
  ops.push_back(std::move(sequence));
  ops.push_back(std::move(step));
}

}  // namespace

void add_recurrent_ops(std::vector<OpDef>& ops) {
  add_cell<kRnnCell>(ops, "rnn", "rnn_step", {{"nonlinearity", std::string("tanh")}});
  add_cell<kGruCell>(ops, "gru", "gru_step", {});
  add_cell<kLstmCell>(ops, "lstm", "lstm_step", {});
}

}  // namespace pyseq
