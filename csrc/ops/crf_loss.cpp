// crf_loss: -log of the probability of a path, and its gradients.
#include <algorithm>
#include <limits>
#include <string>

#include "ops/checks.h"
#include "ops/crf_paths.h"
#include "ops/families.h"
#include "ops/gradients.h"

namespace pyseq {
namespace {

constexpr CrfInputs kInputs = {.emissions = 0, .transitions = 1, .targets = 2, .start = 3, .end = 4, .lengths = 5};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

enum Output { kLoss, kGradient, kTransitionGradient };

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  check_crf_inputs(args, kInputs);
  const Tensor& emissions = args.inputs[kInputs.emissions];
  const std::int64_t batch = emissions.size(0), labels = emissions.size(2);
  outputs[kLoss] = {DType::float32, {batch}};
  outputs[kGradient] = {DType::float32, emissions.shape()};
  outputs[kTransitionGradient] = {DType::float32, {batch, labels, labels}};
}

/// Where the gradients of one row go; both or neither.
struct Gradients {
  float* emissions;    // [time, labels]
  float* transitions;  // [labels, labels]

  void fill(const CrfScores& scores, const CrfSequence& sequence, float value) const {
    if (emissions == nullptr) return;
    std::fill_n(emissions, sequence.time * scores.labels, value);
    std::fill_n(transitions, scores.labels * scores.labels, value);
  }
  void subtract(const CrfScores& scores, const CrfSequence& sequence) const {
    for (std::int64_t t = 0; t < sequence.time; ++t) {
      emissions[t * scores.labels + sequence.targets[t]] -= 1.0F;
      if (t > 0) transitions[sequence.targets[t - 1] * scores.labels + sequence.targets[t]] -= 1.0F;
    }
  }
};

float run_sequence(const CrfScores& scores, const CrfSequence& sequence, const Gradients& gradients,
                   const RunLimits& limits) {
  if (sequence.time == 0) return gradients.fill(scores, sequence, 0), 0.0F;
  if (has_nan(scores, sequence)) return gradients.fill(scores, sequence, kNan), kNan;
  const double score = score_of(scores, sequence, sequence.targets);
  if (score == -kInfinity) return gradients.fill(scores, sequence, kNan), kInfinity;
  CrfPaths paths(scores, sequence, gradients.emissions != nullptr, limits);
  const double total = paths.forward();
  if (gradients.emissions != nullptr) {
    const std::int64_t labels = scores.labels, width = scores.width;
    Tensor neighbours = Tensor::zeros(DType::float32, {labels, width});
    paths.backward(gradients.emissions, neighbours.mutable_data<float>());
    for (std::int64_t i = 0; i < labels; ++i) {
      std::copy_n(neighbours.data<float>() + i * width, labels, gradients.transitions + i * labels);
    }
    gradients.subtract(scores, sequence);
  }
  return static_cast<float>(total - score);
}

void forward(OpCall& call) {
  check_crf_lengths(call, kInputs);
  const std::int64_t batch = call.inputs[0].size(0), time = call.inputs[0].size(1), labels = call.inputs[0].size(2);
  const std::string table = "the " + std::to_string(labels) + " labels of emissions";
  for (std::int64_t row = 0; row < batch; ++row) {
    const CrfSequence sequence = crf_sequence(call, kInputs, row);
    check_indices(call.label, "targets", {sequence.targets, static_cast<std::size_t>(sequence.time)}, labels, table);
  }
  const CrfScores scores = make_crf_scores(call, kInputs);
  Tensor& gradient = call.outputs[kGradient];
  Tensor& transition_gradient = call.outputs[kTransitionGradient];
  const bool wants_gradients = gradient.defined() || transition_gradient.defined();
  const auto values_of = [&](Tensor& output, std::int64_t size) {
    if (output.defined()) return output.mutable_data<float>();
    return wants_gradients ? call.scratch.allocate<float>(batch * size) : nullptr;
  };
  float* emissions = values_of(gradient, time * labels);
  float* transitions = values_of(transition_gradient, labels * labels);
  float* losses = call.outputs[kLoss].mutable_data<float>();
  for_crf_rows(call, [&](std::int64_t row) {
    const CrfSequence sequence = crf_sequence(call, kInputs, row);
    Gradients gradients{nullptr, nullptr};
    if (wants_gradients) {
      gradients = {emissions + row * time * labels, transitions + row * labels * labels};
      std::fill_n(gradients.emissions + sequence.time * labels, (time - sequence.time) * labels, 0.0F);
    }
    losses[row] = run_sequence(scores, sequence, gradients, call.limits);
  });
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return crf_cost(args, outputs, 12);
}

/// sum over the rows of scale[row] * values(row), where `values` may be null for rows that have none.
template <typename Values>
void add_rows(std::int64_t batch, std::int64_t size, const float* scales, const Values& values, float* sums) {
  std::fill_n(sums, size, 0.0F);
  for (std::int64_t row = 0; row < batch; ++row) {
    const float* added = values(row);
    if (added == nullptr) continue;
    for (std::int64_t i = 0; i < size; ++i) sums[i] += scales[row] * added[i];
  }
}

/// The start scores have the gradients of the first emissions, the end scores those of the last ones.
void vjp(VjpCall& call) {
  const Tensor& gradient = call.outputs[kGradient];
  const std::int64_t batch = gradient.size(0), time = gradient.size(1), labels = gradient.size(2);
  const float* scales = call.grad_outputs[kLoss].data<float>();
  const float* emissions = gradient.data<float>();
  const float* transitions = call.outputs[kTransitionGradient].data<float>();
  const auto length = [&](std::int64_t row) {
    return call.has(kInputs.lengths) ? call.inputs[kInputs.lengths].data<std::int64_t>()[row] : time;
  };
  const auto sum_into = [&](int input, const auto& values) {
    if (!call.wants(input)) return;
    Tensor& sums = call.grad_inputs[input];
    add_rows(batch, sums.shape().num_elements(), scales, values, sums.mutable_data<float>());
  };
  if (call.wants(kInputs.emissions)) {
    scale_rows(gradient, call.grad_outputs[kLoss], call.grad_inputs[kInputs.emissions]);
  }
  sum_into(kInputs.transitions, [&](std::int64_t row) { return transitions + row * labels * labels; });
  sum_into(kInputs.start,
           [&](std::int64_t row) { return length(row) == 0 ? nullptr : emissions + row * time * labels; });
  sum_into(kInputs.end, [&](std::int64_t row) {
    return length(row) == 0 ? nullptr : emissions + (row * time + length(row) - 1) * labels;
  });
}

}  // namespace

void add_crf_loss_ops(std::vector<OpDef>& ops) {
  ops.push_back(
      {.name = "crf_loss",
       .inputs = {{"emissions"},
                  {"transitions"},
                  {"targets"},
                  {"start", InputKind::optional},
                  {"end", InputKind::optional},
                  {"lengths", InputKind::optional}},
       .attrs = {},
       .outputs = {{"loss"},
                   {.name = "gradient", .optional = true, .differentiable = false},
                   {.name = "transition_gradient", .optional = true, .differentiable = false}},
       .infer = infer,
       .forward = forward,
       .cost = cost,
       .vjp = vjp,
       .vjp_reads = {VjpReads::bits({kInputs.lengths}), VjpReads::bits({kGradient, kTransitionGradient})},
       .differentiable = VjpReads::bits({kInputs.emissions, kInputs.transitions, kInputs.start, kInputs.end})});
}

}  // namespace pyseq
