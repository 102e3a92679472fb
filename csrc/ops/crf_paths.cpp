#include "ops/crf_paths.h"

#include <cmath>
#include <string>

#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"

namespace pyseq {
namespace {

constexpr std::int64_t kWidthRounding = 16;  // of a row of labels: whole vectors on every tier
constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool is_unusable(float score) {
  return !(score < kInfinity);
}

}  // namespace

void check_crf_inputs(const OpArgs& args, const CrfInputs& inputs) {
  const Tensor& emissions = args.inputs[inputs.emissions];
  check_tensor(args.label, "emissions", emissions, DType::float32, {-1, -1, -1});
  const std::int64_t batch = emissions.size(0), time = emissions.size(1), labels = emissions.size(2);
  const std::string because = "emissions " + emissions.shape().to_string();
  if (labels == 0) throw_shape(args.label, "emissions", "shape " + emissions.shape().to_string(), "at least one label");
  const Tensor& transitions = args.inputs[inputs.transitions];
  check_tensor(args.label, "transitions", transitions, DType::float32, {labels, labels}, because);
  if (inputs.targets >= 0) {
    check_tensor(args.label, "targets", args.inputs[inputs.targets], DType::int64, {batch, time}, because);
  }
  const auto check_vector = [&](std::string_view name, int input) {
    if (args.has(input)) check_tensor(args.label, name, args.inputs[input], DType::float32, {labels}, because);
  };
  check_vector("start", inputs.start);
  check_vector("end", inputs.end);
  if (args.has(inputs.lengths)) {
    check_tensor(args.label, "lengths", args.inputs[inputs.lengths], DType::int64, {batch}, because);
  }
}

CrfScores make_crf_scores(const OpCall& call, const CrfInputs& inputs) {
  const std::int64_t labels = call.inputs[inputs.transitions].size(0);
  const std::int64_t width = (labels + kWidthRounding - 1) / kWidthRounding * kWidthRounding;
  const float* given = call.inputs[inputs.transitions].data<float>();
  bool has_nan = std::any_of(given, given + labels * labels, is_unusable);
  float* transitions = call.scratch.allocate<float>(labels * width);
  float* transposed = call.scratch.allocate<float>(labels * width);
  std::fill_n(transitions, labels * width, -kInfinity);
  std::fill_n(transposed, labels * width, -kInfinity);
  for (std::int64_t i = 0; i < labels; ++i) {
    for (std::int64_t j = 0; j < labels; ++j) {
      transitions[i * width + j] = transposed[j * width + i] = given[i * labels + j];
    }
  }
  const auto vector_of = [&](int input) {
    float* scores = call.scratch.allocate<float>(width);
    std::fill_n(scores, labels, 0.0F);
    std::fill_n(scores + labels, width - labels, -kInfinity);
    if (call.has(input)) {
      const float* values = call.inputs[input].data<float>();
      has_nan = has_nan || std::any_of(values, values + labels, is_unusable);
      std::copy_n(values, labels, scores);
    }
    return scores;
  };
  const float* start = vector_of(inputs.start);
  const float* end = vector_of(inputs.end);
  return {labels, width, transitions, transposed, start, end, has_nan};
}

CrfSequence crf_sequence(const OpCall& call, const CrfInputs& inputs, std::int64_t row) {
  const Tensor& emissions = call.inputs[inputs.emissions];
  const std::int64_t time = emissions.size(1);
  return {
      .time = call.has(inputs.lengths) ? call.inputs[inputs.lengths].data<std::int64_t>()[row] : time,
      .emissions = emissions.data<float>() + row * time * emissions.size(2),
      .targets = inputs.targets < 0 ? nullptr : call.inputs[inputs.targets].data<std::int64_t>() + row * time,
  };
}

bool has_nan(const CrfScores& scores, const CrfSequence& sequence) {
  const float* emissions = sequence.emissions;
  return scores.has_nan || std::any_of(emissions, emissions + sequence.time * scores.labels, is_unusable);
}

void check_crf_lengths(const OpCall& call, const CrfInputs& inputs) {
  const Tensor& emissions = call.inputs[inputs.emissions];
  if (call.has(inputs.lengths)) {
    check_lengths(call.label, call.inputs[inputs.lengths], emissions.size(0), emissions.size(1));
  }
}

double score_of(const CrfScores& scores, const CrfSequence& sequence, const std::int64_t* path) {
  if (sequence.time == 0) return 0;
  double score = scores.start[path[0]];
  for (std::int64_t t = 0; t < sequence.time; ++t) {
    if (t > 0) score += scores.transitions[path[t - 1] * scores.width + path[t]];
    score += sequence.emissions[t * scores.labels + path[t]];
  }
  return score + scores.end[path[sequence.time - 1]];
}

CrfPaths::CrfPaths(const CrfScores& scores, const CrfSequence& sequence, bool keeps_all, const RunLimits& limits)
    : scores_(scores), sequence_(sequence), limits_(limits), kept_(keeps_all ? sequence.time : 2) {
  memory_ = Tensor::empty(DType::float32, {(kept_ + 2) * scores.width + sequence.time + 1});
  prefixes_ = memory_.mutable_data<float>();
  suffixes_ = prefixes_ + kept_ * scores.width;
  shifts_ = suffixes_ + 2 * scores.width;
}

double CrfPaths::forward() {
  CrfForwardF32 pass{.begin = 0,
                     .end = 0,
                     .labels = scores_.labels,
                     .width = scores_.width,
                     .kept = kept_,
                     .emissions = sequence_.emissions,
                     .transitions = scores_.transitions,
                     .start = scores_.start,
                     .prefixes = prefixes_,
                     .shifts = shifts_};
  in_crf_parts(sequence_.time, limits_, [&](std::int64_t begin, std::int64_t end) {
    pass.begin = begin;
    pass.end = end;
    kernels().crf_forward_f32(&pass);
  });
  const float* last = prefixes_ + (sequence_.time - 1) % kept_ * scores_.width;
  double largest = -kInfinity, sum = 0, shift = 0;
  for (std::int64_t j = 0; j < scores_.labels; ++j) {
    largest = std::max(largest, static_cast<double>(last[j]) + scores_.end[j]);
  }
  if (largest == -kInfinity) return largest;
  for (std::int64_t j = 0; j < scores_.labels; ++j) {
    sum += std::exp(static_cast<double>(last[j]) + scores_.end[j] - largest);
  }
  for (std::int64_t t = 0; t < sequence_.time; ++t) shift += shifts_[t];
  return shift + largest + std::log(sum);
}

void CrfPaths::backward(float* marginals, float* neighbours) {
  float* normalizer = shifts_ + sequence_.time;
  CrfBackwardF32 pass{.begin = sequence_.time,
                      .end = 0,
                      .time = sequence_.time,
                      .labels = scores_.labels,
                      .width = scores_.width,
                      .emissions = sequence_.emissions,
                      .transitions = scores_.transitions,
                      .transposed = scores_.transposed,
                      .last = scores_.end,
                      .prefixes = prefixes_,
                      .shifts = shifts_,
                      .suffixes = suffixes_,
                      .normalizer = normalizer,
                      .arrivals = suffixes_ + scores_.width,
                      .marginals = marginals,
                      .neighbours = neighbours};
  while (pass.begin > 0) {
    limits_.check();
    pass.end = pass.begin;
    pass.begin = std::max<std::int64_t>(0, pass.end - kCrfStepsBetweenLooks);
    kernels().crf_backward_f32(&pass);
  }
}

OpCost crf_cost(const OpArgs& args, std::span<const TensorType> outputs, double operations) {
  const Tensor& emissions = args.inputs[0];
  const auto labels = static_cast<double>(emissions.size(2));
  return {static_cast<double>(emissions.size(0) * emissions.size(1)) * labels * labels * operations,
          bytes_moved(args, outputs)};
}

}  // namespace pyseq
