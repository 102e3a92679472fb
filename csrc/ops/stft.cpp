// stft: spectra of the windows of a signal, the front end of models that hear.
#include <algorithm>
#include <cmath>

#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/fft_plan.h"
#include "ops/window_attributes.h"

namespace pyseq {
namespace {

enum Input { kX, kWindow, kLengths, kCarry };
enum Attribute { kHop, kFftSize, kPadding, kOutput, kRemoveMean, kPreemphasis };
enum Output { kY, kNextCarry, kYLengths };

constexpr std::int64_t kMostFftSize = std::int64_t{1} << 20;

SpectrumKind kind_of(const OpArgs& args) {
  const std::string& name = args.attrs.text(kOutput);
  if (name == "complex") return SpectrumKind::complex;
  if (name == "power") return SpectrumKind::power;
  if (name == "magnitude") return SpectrumKind::magnitude;
  throw_value(args.label, "output", "\"" + name + "\"", "\"complex\", \"power\" or \"magnitude\"");
}

/// Frames are windows over samples.
WindowAxis axis_of(const OpArgs& args) {
  const std::vector<std::int64_t>& padding = integers_of(args, "padding", kPadding, 2);
  return {.kernel = args.inputs[kWindow].size(0),
          .stride = args.attrs.integer(kHop),
          .before = padding[0],
          .after = padding[1]};
}

/// 0 stands for the size of the window.
std::int64_t fft_size_of(const OpArgs& args) {
  const std::int64_t given = args.attrs.integer(kFftSize), window = args.inputs[kWindow].size(0);
  const std::int64_t size = given == 0 ? window : given;
  if (size < std::max<std::int64_t>(window, 2) || size > kMostFftSize || size % 2 != 0 ||
      (size > 2 && fft_radices(size / 2).empty())) {
    throw_value(args.label, "fft_size", std::to_string(size),
                "an even number of at least " + std::to_string(window) +
                    " (the window) and at most 2^20, with no prime factor above 7");
  }
  return size;
}

std::int64_t width_of(const OpArgs& args) {
  const std::int64_t bins = fft_size_of(args) / 2 + 1;
  return kind_of(args) == SpectrumKind::complex ? 2 * bins : bins;
}

/// Samples that a stream carries from chunk to chunk.
std::int64_t reach_of(const WindowAxis& axis) {
  return axis.kernel - axis.stride;
}

void check_carry(const OpArgs& args, const WindowAxis& axis) {
  const std::int64_t samples = args.inputs[kX].size(1);
  if (axis.stride > axis.kernel) {
    throw_value(args.label, "hop", std::to_string(axis.stride),
                "at most " + std::to_string(axis.kernel) + " (the window) beside carry");
  }
  check_tensor(args.label, "carry", args.inputs[kCarry], DType::float32, {args.inputs[kX].size(0), reach_of(axis)},
               "batch of x, window - hop");
  if (axis.before != 0 || axis.after != 0) {
    throw_value(args.label, "padding", "[" + std::to_string(axis.before) + ", " + std::to_string(axis.after) + "]",
                "[0, 0] beside carry, which stands before x");
  }
  if (samples % axis.stride != 0) {
    throw_shape(args.label, "x", std::to_string(samples) + " samples",
                "a multiple of hop " + std::to_string(axis.stride) + " beside carry");
  }
}

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor &x = args.inputs[kX], &window = args.inputs[kWindow];
  check_tensor(args.label, "x", x, DType::float32, {-1, -1});
  check_tensor(args.label, "window", window, DType::float32, {-1});
  if (window.size(0) == 0) throw_shape(args.label, "window", "no values", "at least one");
  const WindowAxis axis = axis_of(args);
  check_axis(args.label, axis);
  const std::int64_t batch = x.size(0), width = width_of(args);
  std::int64_t samples = x.size(1);
  if (args.has(kLengths)) {
    check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {batch},
                 "batch of x " + x.shape().to_string());
  }
  if (args.has(kCarry)) {
    check_carry(args, axis);
    samples += reach_of(axis);
  }
  outputs[kY] = {DType::float32, {batch, axis.count(samples), width}};
  outputs[kNextCarry] = {DType::float32, {batch, std::max<std::int64_t>(0, reach_of(axis))}};
  outputs[kYLengths] = {DType::int64, {batch}};
}

/// Signals as windows see them: with what stands before and after.
struct Signals {
  WindowAxis axis;
  std::int64_t batch, width;  // width: samples of a row in memory
  const float* x;
  std::vector<std::int64_t> sizes;  // valid samples of every row

  std::int64_t frames(std::int64_t row) const { return axis.count(sizes[row]); }
};

/// Rows are copied only where something stands beside them; zeros behind a row are those that it would have alone.
Signals signals_of(const OpCall& call) {
  const Tensor& x = call.inputs[kX];
  Signals signals{.axis = axis_of(call), .batch = x.size(0), .width = x.size(1), .x = x.data<float>(), .sizes = {}};
  signals.sizes.assign(static_cast<std::size_t>(signals.batch), signals.width);
  if (call.has(kLengths)) {
    check_lengths(call.label, call.inputs[kLengths], signals.batch, signals.width);
    const auto lengths = call.inputs[kLengths].values<std::int64_t>();
    signals.sizes.assign(lengths.begin(), lengths.end());
  }
  const std::int64_t carried = call.has(kCarry) ? call.inputs[kCarry].size(1) : 0;
  const std::int64_t before = carried + signals.axis.before, after = signals.axis.after;
  if (before + after == 0) return signals;
  const std::int64_t width = before + signals.width + after;
  float* joined = call.scratch.allocate<float>(signals.batch * width);
  for (std::int64_t row = 0; row < signals.batch; ++row) {
    float* to = joined + row * width;
    const std::int64_t size = signals.sizes[row];
    if (carried > 0) {
      std::copy_n(call.inputs[kCarry].data<float>() + row * carried, carried, to);
    } else {
      std::fill_n(to, before, 0.0F);
    }
    std::copy_n(signals.x + row * signals.width, size, to + before);
    std::fill_n(to + before + size, width - before - size, 0.0F);
    signals.sizes[row] += before + after;
  }
  signals.x = joined;
  signals.width = width;
  signals.axis.before = signals.axis.after = 0;
  return signals;
}

/// Frames of all rows, one after the other.
struct FrameList {
  std::vector<const float*> frames;
  std::vector<float*> y;
};

FrameList list_frames(const Signals& signals, Tensor& y) {
  FrameList list;
  const std::int64_t width = y.size(2), row_width = y.size(1) * width;
  for (std::int64_t row = 0; row < signals.batch; ++row) {
    float* out = y.mutable_data<float>() + row * row_width;
    const std::int64_t frames = signals.frames(row);
    for (std::int64_t t = 0; t < frames; ++t) {
      list.frames.push_back(signals.x + row * signals.width + t * signals.axis.stride);
      list.y.push_back(out + t * width);
    }
    std::fill_n(out + frames * width, row_width - frames * width, 0.0F);
  }
  return list;
}

void transform(const OpCall& call, const FrameList& list) {
  const std::int64_t fft_size = fft_size_of(call), count = static_cast<std::int64_t>(list.frames.size());
  const std::shared_ptr<const FftPlan> plan = fft_plan(fft_size);
  const std::int64_t blocks = (count + kStftFrames - 1) / kStftFrames;
  const std::int64_t work_size = 2 * (fft_size + kStftFrames) * kStftFrames;
  parallel_for(blocks, 4, [&](std::int64_t begin, std::int64_t end) {
    Tensor work = Tensor::empty(DType::float32, {work_size});
    for (std::int64_t block = begin; block < end; ++block) {
      call.limits.check();
      const std::int64_t first = block * kStftFrames;
      const StftF32 args{.count = std::min(kStftFrames, count - first),
                         .frames = list.frames.data() + first,
                         .y = list.y.data() + first,
                         .window_size = call.inputs[kWindow].size(0),
                         .fft_size = fft_size,
                         .window = call.inputs[kWindow].data<float>(),
                         .remove_mean = call.attrs.flag(kRemoveMean),
                         .preemphasis = static_cast<float>(call.attrs.real(kPreemphasis)),
                         .num_passes = static_cast<std::int64_t>(plan->passes().size()),
                         .passes = plan->passes().data(),
                         .half_twiddle = plan->half_twiddle(),
                         .kind = kind_of(call),
                         .work = work.mutable_data<float>()};
      kernels().stft_f32(&args);
    }
  });
}

/// The last samples of every row.
void write_carry(const Signals& signals, Tensor& carry) {
  const std::int64_t reach = carry.size(1);
  for (std::int64_t row = 0; row < signals.batch; ++row) {
    float* to = carry.mutable_data<float>() + row * reach;
    const std::int64_t there = std::min(reach, signals.sizes[row]);
    std::fill_n(to, reach - there, 0.0F);
    std::copy_n(signals.x + row * signals.width + signals.sizes[row] - there, there, to + reach - there);
  }
}

void forward(OpCall& call) {
  const Signals signals = signals_of(call);
  transform(call, list_frames(signals, call.outputs[kY]));
  if (call.outputs[kNextCarry].defined()) write_carry(signals, call.outputs[kNextCarry]);
  if (!call.outputs[kYLengths].defined()) return;
  for (std::int64_t row = 0; row < signals.batch; ++row) {
    call.outputs[kYLengths].mutable_data<std::int64_t>()[row] = signals.frames(row);
  }
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  const double size = static_cast<double>(fft_size_of(args));
  const double frames = static_cast<double>(outputs[kY].shape[0]) * static_cast<double>(outputs[kY].shape[1]);
  return {frames * 2.5 * size * std::log2(size), bytes_moved(args, outputs)};  // as of a fast transform of real values
}

}  // namespace

void add_spectrum_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "stft",
                 .inputs = {{"x"}, {"window"}, {"lengths", InputKind::optional}, {"carry", InputKind::optional}},
                 .attrs = {{.name = "hop", .default_value = std::int64_t{1}, .required = true},
                           {"fft_size", std::int64_t{0}},
                           {"padding", std::vector<std::int64_t>{0, 0}},
                           {"output", std::string("complex")},
                           {"remove_mean", false},
                           {"preemphasis", 0.0}},
                 .outputs = {{"y"}, {"next_carry", true}, {"y_lengths", true}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost});
}

}  // namespace pyseq
