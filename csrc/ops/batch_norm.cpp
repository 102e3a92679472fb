// batch_norm: y = (x - mean) / sqrt(variance + epsilon) * weight + bias, channel by channel, with a mean and a variance
// that are given (inference) or those of all valid rows of x (training).
//
// Statistics are cut every 256 valid rows, wherever those stand in the batch: neither padding nor threads move a
// boundary. A part adds its rows up in float32, then squares of deviations from its own mean; parts are put together in
// ascending order in float64 (Chan, Golub and LeVeque, 1979).
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"

namespace pyseq {
namespace {

enum Input { kX, kWeight, kBias, kMean, kVariance, kLengths };
enum Attribute { kEpsilon };
enum Output { kY, kBatchMean, kBatchVariance };

constexpr std::int64_t kRowsPerPart = 256;
constexpr std::int64_t kColumnsPerBlock = 64;
constexpr std::int64_t kValuesPerTask = 16384;

void check_channels(const OpArgs& args, Input input, std::string_view name) {
  if (!args.has(input)) return;
  const Tensor& x = args.inputs[kX];
  check_tensor(args.label, name, args.inputs[input], DType::float32, {x.size(-1)},
               "last dimension of x " + x.shape().to_string());
}

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_dtype(args.label, "x", x, DType::float32);
  check_min_rank(args.label, "x", x, 1);
  check_channels(args, kWeight, "weight");
  check_channels(args, kBias, "bias");
  check_channels(args, kMean, "mean");
  check_channels(args, kVariance, "variance");
  if (args.has(kMean) != args.has(kVariance)) {
    throw_value(args.label, args.has(kMean) ? "variance" : "mean", "been left out", "mean and variance, or neither");
  }
  if (args.has(kLengths)) {
    check_rank(args.label, "x", x, 3);
    check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {x.size(0)},
                 "batch of x " + x.shape().to_string());
  }
  const double epsilon = args.attrs.real(kEpsilon);
  if (!std::isfinite(epsilon) || epsilon < 0) {
    throw_value(args.label, "epsilon", std::to_string(epsilon), "a finite number, zero or more");
  }
  outputs[kY] = {DType::float32, x.shape()};
  outputs[kBatchMean] = outputs[kBatchVariance] = {DType::float32, {x.size(-1)}};
}

/// The rows of x: `count` sequences of `time` rows each, the first lengths[i] of them valid.
class Rows {
 public:
  explicit Rows(const OpArgs& args) : channels_(args.inputs[kX].size(-1)) {
    const Tensor& x = args.inputs[kX];
    if (args.has(kLengths)) {
      time_ = x.size(1);
      const auto lengths = args.inputs[kLengths].values<std::int64_t>();
      for (const std::int64_t length : lengths) begins_.push_back(begins_.back() + length);
    } else {
      time_ = channels_ > 0 ? x.num_elements() / channels_ : 0;
      begins_.push_back(time_);
    }
  }

  std::int64_t channels() const { return channels_; }
  std::int64_t total() const { return time_ * static_cast<std::int64_t>(begins_.size() - 1); }
  std::int64_t valid() const { return begins_.back(); }

  /// Calls each(row, count) for the runs of x that hold the valid rows number begin, ..., end - 1.
  template <typename Each>
  void for_valid(std::int64_t begin, std::int64_t end, Each each) const {
    auto sequence = std::upper_bound(begins_.begin(), begins_.end(), begin) - begins_.begin() - 1;
    for (; begin < end; ++sequence) {
      const std::int64_t first = begins_[static_cast<std::size_t>(sequence)];
      const std::int64_t stop = std::min(begins_[static_cast<std::size_t>(sequence) + 1], end);
      if (stop > begin) each(sequence * time_ + begin - first, stop - begin);
      begin = std::max(begin, stop);
    }
  }

  /// Calls each(row, count, valid) for the runs of the rows begin, ..., end - 1 of x.
  template <typename Each>
  void for_all(std::int64_t begin, std::int64_t end, Each each) const {
    while (begin < end) {
      const std::int64_t sequence = begin / time_, t = begin % time_;
      const auto index = static_cast<std::size_t>(sequence);
      const std::int64_t length = begins_[index + 1] - begins_[index];
      const std::int64_t count = std::min(end - begin, (t < length ? length : time_) - t);
      each(begin, count, t < length);
      begin += count;
    }
  }

 private:
  std::int64_t channels_, time_ = 0;
  std::vector<std::int64_t> begins_ = {0};  // of the sequences, counted in valid rows; then their number
};

/// Sums and squares of deviations of every part, [parts, channels] each.
struct Parts {
  std::int64_t count;
  float* sums;
  float* squares;
};

/// One part, some columns: its sums, and the squares of deviations from its mean.
void add_up(const Rows& rows, const float* x, std::int64_t part, std::int64_t column, std::int64_t columns,
            const Parts& parts) {
  const std::int64_t begin = part * kRowsPerPart, end = std::min(begin + kRowsPerPart, rows.valid());
  const std::int64_t channels = rows.channels();
  float* sums = parts.sums + part * channels + column;
  float* squares = parts.squares + part * channels + column;
  float mean[kColumnsPerBlock];
  std::fill_n(sums, columns, 0.0F);
  std::fill_n(squares, columns, 0.0F);
  AccumulateF32 block{.rows = 0, .columns = columns, .stride = channels, .x = x, .mean = nullptr, .sums = sums};
  const auto over_runs = [&](void (*kernel)(const AccumulateF32*)) {
    rows.for_valid(begin, end, [&](std::int64_t row, std::int64_t count) {
      block.x = x + row * channels + column;
      block.rows = count;
      kernel(&block);
    });
  };
  over_runs(kernels().accumulate_f32);
  for (std::int64_t i = 0; i < columns; ++i) mean[i] = sums[i] / static_cast<float>(end - begin);
  block.mean = mean;
  block.sums = squares;
  over_runs(kernels().accumulate_squares_f32);
}

Parts add_up_all(const Rows& rows, const float* x, Arena& scratch) {
  const std::int64_t count = (rows.valid() + kRowsPerPart - 1) / kRowsPerPart, channels = rows.channels();
  const Parts parts{count, scratch.allocate<float>(count * channels), scratch.allocate<float>(count * channels)};
  const std::int64_t blocks = (channels + kColumnsPerBlock - 1) / kColumnsPerBlock;
  const std::int64_t values = kRowsPerPart * std::min(channels, kColumnsPerBlock);
  parallel_for(count * blocks, kValuesPerTask / values + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t column = task % blocks * kColumnsPerBlock;
      add_up(rows, x, task / blocks, column, std::min(kColumnsPerBlock, channels - column), parts);
    }
  });
  return parts;
}

struct Moments {
  double mean, variance;
};
Moments put_together(const Rows& rows, const Parts& parts, std::int64_t channel) {
  const std::int64_t channels = rows.channels();
  const auto n = static_cast<double>(rows.valid());
  double sum = 0.0, squares = 0.0;
  for (std::int64_t part = 0; part < parts.count; ++part) sum += parts.sums[part * channels + channel];
  for (std::int64_t part = 0; part < parts.count; ++part) {
    const std::int64_t count = std::min(kRowsPerPart, rows.valid() - part * kRowsPerPart);
    // The mean that the deviations were taken from, rounded as it was.
    const float own_mean = parts.sums[part * channels + channel] / static_cast<float>(count);
    const double offset = own_mean - sum / n;
    squares += parts.squares[part * channels + channel] + static_cast<double>(count) * offset * offset;
  }
  return {sum / n, squares / n};
}

/// Mean and (biased) variance of the valid rows; zeros when there are none.
void batch_statistics(const Rows& rows, const float* x, Arena& scratch, float* mean, float* variance) {
  const Parts parts = add_up_all(rows, x, scratch);
  parallel_for(rows.channels(), kValuesPerTask / (parts.count + 1) + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t channel = begin; channel < end; ++channel) {
      const Moments moments = parts.count > 0 ? put_together(rows, parts, channel) : Moments{};
      mean[channel] = static_cast<float>(moments.mean);
      variance[channel] = static_cast<float>(moments.variance);
    }
  });
}

void normalise(const Rows& rows, const ScaleColumnsF32& whole) {
  const std::int64_t channels = whole.columns;
  parallel_for(rows.total(), kValuesPerTask / channels + 1, [&](std::int64_t first, std::int64_t last) {
    rows.for_all(first, last, [&](std::int64_t row, std::int64_t count, bool valid) {
      if (!valid) return std::fill_n(whole.y + row * channels, count * channels, 0.0F), void();
      ScaleColumnsF32 block = whole;
      block.rows = count;
      block.x += row * channels;
      block.y += row * channels;
      kernels().scale_columns_f32(&block);
    });
  });
}

/// Where statistics go: an output that was asked for, else scratch memory.
float* output_or_scratch(OpCall& call, Output output) {
  Tensor& tensor = call.outputs[output];
  return tensor.defined() ? tensor.mutable_data<float>() : call.scratch.allocate<float>(call.inputs[kX].size(-1));
}

void forward(OpCall& call) {
  const Tensor& x = call.inputs[kX];
  if (call.has(kLengths)) check_lengths(call.label, call.inputs[kLengths], x.size(0), x.size(1));
  const Rows rows(call);
  const std::int64_t channels = rows.channels();
  if (channels == 0) return;
  float* mean = output_or_scratch(call, kBatchMean);
  float* variance = output_or_scratch(call, kBatchVariance);
  if (call.has(kMean)) {
    std::copy_n(call.inputs[kMean].data<float>(), channels, mean);
    std::copy_n(call.inputs[kVariance].data<float>(), channels, variance);
  } else {
    batch_statistics(rows, x.data<float>(), call.scratch, mean, variance);
  }
  float* scale = call.scratch.allocate<float>(channels);
  float* shift = call.scratch.allocate<float>(channels);
  const double epsilon = call.attrs.real(kEpsilon);
  for (std::int64_t i = 0; i < channels; ++i) {
    const double weight = call.has(kWeight) ? call.inputs[kWeight].data<float>()[i] : 1.0;
    scale[i] = static_cast<float>(weight / std::sqrt(variance[i] + epsilon));
    shift[i] = call.has(kBias) ? call.inputs[kBias].data<float>()[i] : 0.0F;
  }
  normalise(rows, {.rows = 0,
                   .columns = channels,
                   .x = x.data<float>(),
                   .mean = mean,
                   .scale = scale,
                   .shift = shift,
                   .y = call.outputs[kY].mutable_data<float>()});
}

// ---- vjp: with n valid rows and x̂ = (x - mean) / s, s = sqrt(variance + epsilon): dbias = Σ dy, dweight = Σ dy x̂,
// dx = weight / s (dy - (dbias + x̂ dweight) / n); statistics that were given do not follow x: dx = weight / s dy

/// x̂ of the valid rows, zeros elsewhere.
Tensor standardised(const VjpCall& call, const Rows& rows, const float* inverse_deviation, Arena& scratch) {
  const Tensor& x = call.inputs[kX];
  Tensor y = Tensor::empty(DType::float32, x.shape());
  float* zero = scratch.allocate<float>(rows.channels());
  std::fill_n(zero, rows.channels(), 0.0F);
  normalise(rows, {.rows = 0,
                   .columns = rows.channels(),
                   .x = x.data<float>(),
                   .mean = call.outputs[kBatchMean].data<float>(),
                   .scale = inverse_deviation,
                   .shift = zero,
                   .y = y.mutable_data<float>()});
  return y;
}

/// each(row, count, valid) for the rows of x, on all threads.
template <typename Each>
void for_rows(const Rows& rows, Each each) {
  parallel_for(rows.total(), kValuesPerTask / rows.channels() + 1,
               [&](std::int64_t first, std::int64_t last) { rows.for_all(first, last, each); });
}

/// dy of the valid rows and dy x̂, zeros elsewhere -> their sums over rows: dbias and dweight.
void sum_gradients(const Rows& rows, const float* dy, const float* standard, Arena& scratch, float* dbias,
                   float* dweight) {
  const std::int64_t channels = rows.channels(), values = rows.total() * channels;
  float* valid = scratch.allocate<float>(values);
  float* products = scratch.allocate<float>(values);
  for_rows(rows, [&](std::int64_t row, std::int64_t count, bool is_valid) {
    const std::int64_t begin = row * channels, end = begin + count * channels;
    for (std::int64_t i = begin; i < end; ++i) {
      valid[i] = is_valid ? dy[i] : 0.0F;
      products[i] = is_valid ? dy[i] * standard[i] : 0.0F;
    }
  });
  sum_rows(valid, rows.total(), channels, dbias, scratch);
  sum_rows(products, rows.total(), channels, dweight, scratch);
}

void vjp(VjpCall& call) {
  const Rows rows(call);
  const std::int64_t channels = rows.channels();
  if (channels == 0) return;
  float* inverse_deviation = call.scratch.allocate<float>(channels);
  float* scale = call.scratch.allocate<float>(channels);  // weight / s
  const float* variance = call.outputs[kBatchVariance].data<float>();
  for (std::int64_t i = 0; i < channels; ++i) {
    const double inverse = 1.0 / std::sqrt(variance[i] + call.attrs.real(kEpsilon));
    const double weight = call.has(kWeight) ? call.inputs[kWeight].data<float>()[i] : 1.0;
    inverse_deviation[i] = static_cast<float>(inverse);
    scale[i] = static_cast<float>(weight * inverse);
  }
  const Tensor standard = standardised(call, rows, inverse_deviation, call.scratch);
  const float* dy = call.grad_outputs[kY].data<float>();
  const float* x = standard.data<float>();
  float* dbias =
      call.wants(kBias) ? call.grad_inputs[kBias].mutable_data<float>() : call.scratch.allocate<float>(channels);
  float* dweight =
      call.wants(kWeight) ? call.grad_inputs[kWeight].mutable_data<float>() : call.scratch.allocate<float>(channels);
  sum_gradients(rows, dy, x, call.scratch, dbias, dweight);
  if (!call.wants(kX)) return;
  float* dx = call.grad_inputs[kX].mutable_data<float>();
  const float share = call.has(kMean) ? 0.0F : 1.0F / static_cast<float>(std::max<std::int64_t>(rows.valid(), 1));
  for_rows(rows, [&](std::int64_t row, std::int64_t count, bool is_valid) {
    for (std::int64_t r = row; r < row + count; ++r) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t i = r * channels + c;
        dx[i] = is_valid ? scale[c] * (dy[i] - share * (dbias[c] + x[i] * dweight[c])) : 0.0F;
      }
    }
  });
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, args.has(kMean) ? 3 : 7);
}

constexpr InputKind kOptional = InputKind::optional;

}  // namespace

void add_batch_norm_ops(std::vector<OpDef>& ops) {
  ops.push_back(
      {.name = "batch_norm",
       .inputs = {{"x"},
                  {"weight", kOptional},
                  {"bias", kOptional},
                  {"mean", kOptional},
                  {"variance", kOptional},
                  {"lengths", kOptional}},
       .attrs = {{"epsilon", 1e-5}},
       .outputs = {{"y"},
                   {.name = "batch_mean", .optional = true, .differentiable = false},
                   {.name = "batch_variance", .optional = true, .differentiable = false}},
       .infer = infer,
       .forward = forward,
       .cost = cost,
       .vjp = vjp,
       .vjp_reads = {VjpReads::bits({kX, kWeight, kMean, kLengths}), VjpReads::bits({kBatchMean, kBatchVariance})},
       .differentiable = VjpReads::bits({kX, kWeight, kBias})});
}

}  // namespace pyseq
