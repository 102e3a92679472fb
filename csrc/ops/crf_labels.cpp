// crf_marginals: the probabilities of labels. viterbi: the best path.
#include <algorithm>
#include <limits>

#include "kernels/dispatch.h"
#include "ops/crf_paths.h"
#include "ops/families.h"

namespace pyseq {
namespace {

constexpr CrfInputs kInputs = {.emissions = 0, .transitions = 1, .targets = -1, .start = 2, .end = 3, .lengths = 4};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// ---- crf_marginals

namespace marginals {

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  check_crf_inputs(args, kInputs);
  outputs[0] = {DType::float32, args.inputs[0].shape()};
}

void forward(OpCall& call) {
  check_crf_lengths(call, kInputs);
  const CrfScores scores = make_crf_scores(call, kInputs);
  const std::int64_t time = call.inputs[0].size(1), labels = scores.labels;
  float* all = call.outputs[0].mutable_data<float>();
  for_crf_rows(call, [&](std::int64_t row) {
    const CrfSequence sequence = crf_sequence(call, kInputs, row);
    float* y = all + row * time * labels;
    std::fill_n(y + sequence.time * labels, (time - sequence.time) * labels, 0.0F);
    if (sequence.time == 0) return;
    if (has_nan(scores, sequence)) return std::fill_n(y, sequence.time * labels, kNan), void();
    CrfPaths paths(scores, sequence, true, call.limits);
    if (paths.forward() == -kInfinity) return std::fill_n(y, sequence.time * labels, kNan), void();
    paths.backward(y, nullptr);
  });
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return crf_cost(args, outputs, 24);
}

}  // namespace marginals

// ---- viterbi

namespace viterbi {

enum Output { kPath, kScore };

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  check_crf_inputs(args, kInputs);
  const std::int64_t batch = args.inputs[0].size(0), time = args.inputs[0].size(1);
  outputs[kPath] = {DType::int64, {batch, time}};
  outputs[kScore] = {DType::float32, {batch}};
}

/// The best path; its score.
float run_sequence(const CrfScores& scores, const CrfSequence& sequence, std::int64_t* path, const RunLimits& limits) {
  const std::int64_t time = sequence.time, width = scores.width;
  if (time == 0) return 0.0F;
  Tensor best = Tensor::empty(DType::float32, {2, width}), from = Tensor::empty(DType::int32, {time, width});
  CrfViterbiF32 pass{.begin = 0,
                     .end = 0,
                     .labels = scores.labels,
                     .width = width,
                     .emissions = sequence.emissions,
                     .transitions = scores.transitions,
                     .start = scores.start,
                     .best = best.mutable_data<float>(),
                     .from = from.mutable_data<std::int32_t>()};
  in_crf_parts(time, limits, [&](std::int64_t begin, std::int64_t end) {
    pass.begin = begin;
    pass.end = end;
    kernels().crf_viterbi_f32(&pass);
  });
  const float* last = pass.best + (time - 1) % 2 * width;
  std::int64_t label = 0;
  for (std::int64_t j = 1; j < scores.labels; ++j) {
    if (last[j] + scores.end[j] > last[label] + scores.end[label]) label = j;
  }
  for (std::int64_t t = time - 1; t >= 0; --t) {
    path[t] = label;
    label = pass.from[t * width + label];
  }
  return static_cast<float>(score_of(scores, sequence, path));
}

void forward(OpCall& call) {
  check_crf_lengths(call, kInputs);
  const CrfScores scores = make_crf_scores(call, kInputs);
  const std::int64_t time = call.inputs[0].size(1);
  std::int64_t* paths = call.outputs[kPath].mutable_data<std::int64_t>();
  Tensor& score = call.outputs[kScore];
  for_crf_rows(call, [&](std::int64_t row) {
    const CrfSequence sequence = crf_sequence(call, kInputs, row);
    std::int64_t* path = paths + row * time;
    std::fill_n(path + sequence.time, time - sequence.time, std::int64_t{0});
    const float found = run_sequence(scores, sequence, path, call.limits);
    if (score.defined()) score.mutable_data<float>()[row] = has_nan(scores, sequence) ? kNan : found;
  });
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return crf_cost(args, outputs, 3);
}

}  // namespace viterbi

std::vector<InputDef> path_inputs() {
  return {{"emissions"},
          {"transitions"},
          {"start", InputKind::optional},
          {"end", InputKind::optional},
          {"lengths", InputKind::optional}};
}

}  // namespace

void add_crf_label_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "crf_marginals",
                 .inputs = path_inputs(),
                 .attrs = {},
                 .outputs = {{.name = "probabilities", .differentiable = false}},
                 .infer = marginals::infer,
                 .forward = marginals::forward,
                 .cost = marginals::cost});
  ops.push_back({.name = "viterbi",
                 .inputs = path_inputs(),
                 .attrs = {},
                 .outputs = {{.name = "path", .differentiable = false},
                             {.name = "score", .optional = true, .differentiable = false}},
                 .infer = viterbi::infer,
                 .forward = viterbi::forward,
                 .cost = viterbi::cost});
}

}  // namespace pyseq
