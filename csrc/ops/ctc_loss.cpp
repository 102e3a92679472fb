// ctc_loss: -log of the probability of all alignments of a target with the frames, and its gradient.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"

namespace pyseq {
namespace {

enum Input { kLogits, kTargets, kLengths, kTargetLengths };
enum Attribute { kBlank, kZeroInfinity };
enum Output { kLoss, kGradient };

constexpr std::int64_t kFrameBlock = 64;           // frames of one task
constexpr std::int64_t kFramesBetweenLooks = 256;  // at the limits
constexpr std::int64_t kWidthRounding = 16;        // of a row of states: whole vectors on every tier

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& logits = args.inputs[kLogits];
  check_tensor(args.label, "logits", logits, DType::float32, {-1, -1, -1});
  const std::int64_t batch = logits.size(0);
  const std::string because = "batch of logits " + logits.shape().to_string();
  check_tensor(args.label, "targets", args.inputs[kTargets], DType::int64, {batch, -1}, because);
  if (args.has(kLengths)) check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {batch}, because);
  if (args.has(kTargetLengths)) {
    check_tensor(args.label, "target_lengths", args.inputs[kTargetLengths], DType::int64, {batch}, because);
  }
  const std::int64_t blank = args.attrs.integer(kBlank);
  if (blank < 0 || blank >= logits.size(2)) {
    throw_value(args.label, "blank", std::to_string(blank),
                "a class of logits " + logits.shape().to_string() + ", 0 to " + std::to_string(logits.size(2) - 1));
  }
  outputs[kLoss] = {DType::float32, {batch}};
  outputs[kGradient] = {DType::float32, logits.shape()};
}

void check_target_lengths(const OpArgs& args) {
  const std::int64_t most = args.inputs[kTargets].size(1);
  const auto lengths = args.inputs[kTargetLengths].values<std::int64_t>();
  for (std::size_t row = 0; row < lengths.size(); ++row) {
    if (lengths[row] >= 0 && lengths[row] <= most) continue;
    throw_value(args.label, "target_lengths", std::to_string(lengths[row]) + " in row " + std::to_string(row),
                "0 to " + std::to_string(most) + " (labels in targets)");
  }
}

/// Labels are classes, and none is the blank. Padding is not looked at.
void check_targets(const OpArgs& args, std::int64_t row, std::span<const std::int64_t> targets) {
  const std::int64_t classes = args.inputs[kLogits].size(2), blank = args.attrs.integer(kBlank);
  check_indices(args.label, "targets", targets, classes, "the " + std::to_string(classes) + " classes of logits");
  if (std::find(targets.begin(), targets.end(), blank) != targets.end()) {
    throw_value(args.label, "targets", "the blank " + std::to_string(blank) + " in row " + std::to_string(row),
                "labels other than the blank");
  }
}

/// One sequence of the batch.
struct Sequence {
  std::int64_t time, labels, width, classes, blank;
  const float* logits;          // [time, classes]
  const std::int64_t* targets;  // [labels]
  float* blank_log;             // [time]
  float* label_log;             // [time, width]
  float* gradient;              // [time, classes] or null
};

/// The arguments as sequences, and memory for what the frames give to the states.
class Batch {
 public:
  explicit Batch(OpCall& call)
      : call_(call),
        time_(call.inputs[kLogits].size(1)),
        classes_(call.inputs[kLogits].size(2)),
        most_labels_(call.inputs[kTargets].size(1)),
        width_((most_labels_ + kWidthRounding) / kWidthRounding * kWidthRounding),
        blank_log_(call.scratch.allocate<float>(size() * time_)),
        label_log_(call.scratch.allocate<float>(size() * time_ * width_)) {}

  std::int64_t size() const { return call_.inputs[kLogits].size(0); }
  std::int64_t time() const { return time_; }

  Sequence operator[](std::int64_t row) const {
    const auto length = [&](Input input, std::int64_t all) {
      return call_.has(input) ? call_.inputs[input].data<std::int64_t>()[row] : all;
    };
    const std::int64_t labels = length(kTargetLengths, most_labels_);
    Tensor& gradient = call_.outputs[kGradient];
    return {.time = length(kLengths, time_),
            .labels = labels,
            .width = (labels + kWidthRounding) / kWidthRounding * kWidthRounding,
            .classes = classes_,
            .blank = call_.attrs.integer(kBlank),
            .logits = call_.inputs[kLogits].data<float>() + row * time_ * classes_,
            .targets = call_.inputs[kTargets].data<std::int64_t>() + row * most_labels_,
            .blank_log = blank_log_ + row * time_,
            .label_log = label_log_ + row * time_ * width_,
            .gradient = gradient.defined() ? gradient.mutable_data<float>() + row * time_ * classes_ : nullptr};
  }

 private:
  OpCall& call_;
  std::int64_t time_, classes_, most_labels_, width_;
  float *blank_log_, *label_log_;
};

/// The frames [begin, end): log-probabilities of the states, softmax, zeros beyond the length.
void run_frames(const Sequence& sequence, std::int64_t begin, std::int64_t end) {
  const std::int64_t valid = std::clamp(sequence.time - begin, std::int64_t{0}, end - begin),
                     classes = sequence.classes;
  float* softmax = sequence.gradient == nullptr ? nullptr : sequence.gradient + begin * classes;
  const CtcFramesF32 frames{.frames = valid,
                            .classes = classes,
                            .labels = sequence.labels,
                            .width = sequence.width,
                            .blank = sequence.blank,
                            .logits = sequence.logits + begin * classes,
                            .targets = sequence.targets,
                            .blank_log = sequence.blank_log + begin,
                            .label_log = sequence.label_log + begin * sequence.width,
                            .softmax = softmax};
  kernels().ctc_frames_f32(&frames);
  if (softmax != nullptr) std::fill_n(softmax + valid * classes, (end - begin - valid) * classes, 0.0f);
}

void run_all_frames(const Batch& batch, const RunLimits& limits) {
  const std::int64_t blocks = (batch.time() + kFrameBlock - 1) / kFrameBlock;
  parallel_for(batch.size() * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      limits.check();
      const std::int64_t first = task % blocks * kFrameBlock;
      run_frames(batch[task / blocks], first, std::min(first + kFrameBlock, batch.time()));
    }
  });
}

/// mantissa * 2^exponent: the probability of all alignments.
struct Total {
  double mantissa;
  std::int32_t exponent;
  double negative_log() const { return -(std::log(mantissa) + exponent * std::log(2.0)); }
};

/// A value of a row of states (kernels/ctc/args.h says how it is laid out).
Total state_at(const float* row, std::int64_t width, bool is_blank, std::int64_t index) {
  const std::int64_t stride = width + 2 * kCtcMargin;
  const float* mantissa = row + (is_blank ? 2 * stride : 0) + kCtcMargin + index;
  return {*mantissa, std::bit_cast<std::int32_t>(mantissa[stride])};
}

/// Alignments end in the last label or in the blank behind it.
Total total_of(const float* row, const Sequence& sequence) {
  const Total blank = state_at(row, sequence.width, true, sequence.labels);
  if (sequence.labels == 0) return blank;
  const Total label = state_at(row, sequence.width, false, sequence.labels - 1);
  const std::int32_t exponent = std::max(blank.exponent, label.exponent);
  return {std::ldexp(blank.mantissa, blank.exponent - exponent) + std::ldexp(label.mantissa, label.exponent - exponent),
          exponent};
}

/// What the two passes over one sequence work in.
class Alignment {
 public:
  Alignment(const Sequence& sequence, const RunLimits& limits) : sequence_(sequence), limits_(limits) {
    const bool keeps_all = sequence.gradient != nullptr;
    kept_ = keeps_all ? sequence.time + 1 : 2;
    const std::int64_t row = 4 * (sequence.width + 2 * kCtcMargin), skips = sequence.width + kCtcMargin;
    memory_ = Tensor::empty(DType::float32, {(kept_ + 2) * row + sequence.width});
    states_ = memory_.mutable_data<float>();
    future_ = states_ + kept_ * row;
    posteriors_ = future_ + 2 * row;
    skips_ = Tensor::zeros(DType::int32, {skips});
    for (std::int64_t i = 1; i < sequence.labels; ++i) {
      skips_.mutable_data<std::int32_t>()[i] = sequence.targets[i] != sequence.targets[i - 1] ? -1 : 0;
    }
    row_size_ = row;
  }

  Total forward() {
    CtcForwardF32 pass{.begin = 0,
                       .end = 0,
                       .width = sequence_.width,
                       .kept = kept_,
                       .blank_log = sequence_.blank_log,
                       .label_log = sequence_.label_log,
                       .skips = skips_.data<std::int32_t>(),
                       .states = states_};
    do {
      limits_.check();
      pass.begin = pass.end;
      pass.end = std::min(pass.begin + kFramesBetweenLooks, sequence_.time);
      kernels().ctc_forward_f32(&pass);
    } while (pass.end < sequence_.time);
    return total_of(states_ + sequence_.time % kept_ * row_size_, sequence_);
  }

  void backward(const Total& total) {
    CtcBackwardF32 pass{.begin = sequence_.time,
                        .end = 0,
                        .time = sequence_.time,
                        .labels = sequence_.labels,
                        .width = sequence_.width,
                        .classes = sequence_.classes,
                        .blank = sequence_.blank,
                        .blank_log = sequence_.blank_log,
                        .label_log = sequence_.label_log,
                        .skips = skips_.data<std::int32_t>(),
                        .targets = sequence_.targets,
                        .states = states_,
                        .total_mantissa = static_cast<float>(total.mantissa),
                        .total_exponent = total.exponent,
                        .future = future_,
                        .posteriors = posteriors_,
                        .gradient = sequence_.gradient};
    while (pass.begin > 0) {
      limits_.check();
      pass.end = pass.begin;
      pass.begin = std::max<std::int64_t>(0, pass.end - kFramesBetweenLooks);
      kernels().ctc_backward_f32(&pass);
    }
  }

 private:
  const Sequence& sequence_;
  const RunLimits& limits_;
  std::int64_t kept_ = 0, row_size_ = 0;
  Tensor memory_, skips_;
  float *states_ = nullptr, *future_ = nullptr, *posteriors_ = nullptr;
};

/// Any NaN or +inf among the logits of a frame makes all its log-probabilities NaN.
bool has_nan(const Sequence& sequence) {
  return std::any_of(sequence.blank_log, sequence.blank_log + sequence.time, [](float v) { return std::isnan(v); });
}

/// The loss of one sequence; its gradient replaces the softmax.
float run_sequence(const Sequence& sequence, bool zero_infinity, const RunLimits& limits) {
  const auto without_alignment = [&](float loss, float gradient) {
    if (sequence.gradient != nullptr) std::fill_n(sequence.gradient, sequence.time * sequence.classes, gradient);
    return loss;
  };
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  if (has_nan(sequence)) return without_alignment(kNan, kNan);
  Alignment alignment(sequence, limits);
  const Total total = alignment.forward();
  if (total.mantissa == 0) return zero_infinity ? without_alignment(0, 0) : without_alignment(kInfinity, kNan);
  if (sequence.gradient != nullptr) alignment.backward(total);
  return static_cast<float>(total.negative_log());
}

void forward(OpCall& call) {
  const Batch batch(call);
  if (call.has(kLengths)) check_lengths(call.label, call.inputs[kLengths], batch.size(), batch.time());
  if (call.has(kTargetLengths)) check_target_lengths(call);
  for (std::int64_t row = 0; row < batch.size(); ++row) {
    const Sequence sequence = batch[row];
    check_targets(call, row, {sequence.targets, static_cast<std::size_t>(sequence.labels)});
  }
  run_all_frames(batch, call.limits);
  float* loss = call.outputs[kLoss].mutable_data<float>();
  const bool zero_infinity = call.attrs.flag(kZeroInfinity);
  parallel_for(batch.size(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) loss[row] = run_sequence(batch[row], zero_infinity, call.limits);
  });
}

/// Per frame: the softmax of all classes, and 20 operations per state in each of the two passes.
OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  const Tensor& logits = args.inputs[kLogits];
  const auto frames = static_cast<double>(logits.size(0) * logits.size(1));
  const double states = 2 * static_cast<double>(args.inputs[kTargets].size(1)) + 1;
  return {frames * (8 * static_cast<double>(logits.size(2)) + 40 * states),
          bytes_moved(args, outputs) + bytes_of(outputs[kGradient])};
}

void vjp(VjpCall& call) {
  scale_rows(call.outputs[kGradient], call.grad_outputs[kLoss], call.grad_inputs[kLogits]);
}

}  // namespace

void add_ctc_ops(std::vector<OpDef>& ops) {
  ops.push_back(
      {.name = "ctc_loss",
       .inputs = {{"logits"}, {"targets"}, {"lengths", InputKind::optional}, {"target_lengths", InputKind::optional}},
       .attrs = {{"blank", std::int64_t{0}}, {"zero_infinity", false}},
       .outputs = {{"loss"}, {.name = "gradient", .optional = true, .differentiable = false}},
       .infer = infer,
       .forward = forward,
       .cost = cost,
       .vjp = vjp,
       .vjp_reads = {0, VjpReads::bits({kGradient})},
       .differentiable = VjpReads::bits({kLogits})});
}

}  // namespace pyseq
