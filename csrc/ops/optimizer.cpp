#include "ops/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "pyseq/error.h"

namespace pyseq {
namespace {

constexpr std::int64_t kNormChunk = 4096;  // where sums of squares are cut
constexpr std::int64_t kGrain = 8192;      // values of one task

/// A flat float32 buffer of n values that may be absent.
float* buffer_of(Tensor& x, std::int64_t n, const char* op, const char* argument) {
  if (!x.defined()) return nullptr;
  if (x.num_elements() != n) {
    throw ShapeError(std::string(op) + ": " + argument + " has " + std::to_string(x.num_elements()) +
                     " values, expected " + std::to_string(n) + " (as values)");
  }
  return x.mutable_data<float>();
}

void check_ranges(UpdateRanges ranges, std::int64_t n, const char* op) {
  for (const UpdateRange& range : ranges) {
    if (range.begin < 0 || range.begin > range.end || range.end > n) {
      throw IndexError(std::string(op) + ": ranges has [" + std::to_string(range.begin) + ", " +
                       std::to_string(range.end) + "), expected a part of [0, " + std::to_string(n) + ")");
    }
  }
}

/// Runs kernel(begin, end, range) over every range, cut into tasks.
template <typename Kernel>
void update(const char* op, Tensor& values, const Tensor& gradients, UpdateRanges ranges, Kernel kernel) {
  const std::int64_t n = values.num_elements();
  if (gradients.num_elements() != n) {
    throw ShapeError(std::string(op) + ": gradients has " + std::to_string(gradients.num_elements()) +
                     " values, expected " + std::to_string(n) + " (as values)");
  }
  check_ranges(ranges, n, op);
  float* value = values.mutable_data<float>();
  const float* gradient = gradients.data<float>();
  with_team([&] {
    for (const UpdateRange& range : ranges) {
      parallel_for(range.end - range.begin, kGrain, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t first = range.begin + begin;
        kernel(UpdateF32{.n = end - begin,
                         .value = value + first,
                         .gradient = gradient + first,
                         .learning_rate = static_cast<float>(range.learning_rate),
                         .weight_decay = static_cast<float>(range.weight_decay)},
               first);
      });
    }
  });
}

float* from(float* buffer, std::int64_t first) {
  return buffer == nullptr ? nullptr : buffer + first;
}

}  // namespace

double norm(const Tensor& x) {
  const std::int64_t n = x.num_elements(), chunks = (n + kNormChunk - 1) / kNormChunk;
  const float* values = x.data<float>();
  std::vector<float> sums(static_cast<std::size_t>(chunks));
  parallel_for(chunks, kGrain / kNormChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = begin; chunk < end; ++chunk) {
      const std::int64_t first = chunk * kNormChunk;
      const SquaresF32 args{std::min(kNormChunk, n - first), values + first, &sums[static_cast<std::size_t>(chunk)]};
      kernels().sum_of_squares_f32(&args);
    }
  });
  double total = 0.0;
  for (const float sum : sums) total += sum;
  return std::sqrt(total);
}

double clip_norm(Tensor& x, double max_norm) {
  if (!(max_norm > 0.0)) throw ValueError("clip_norm: max_norm is " + std::to_string(max_norm) + ", expected above 0");
  const double found = norm(x);
  const double factor = max_norm / (found + 1e-6);
  if (std::isfinite(found) && factor < 1.0) scale_values(x, factor);
  return found;
}

void clip_values(Tensor& x, double bound) {
  if (!(bound > 0.0)) throw ValueError("clip_values: bound is " + std::to_string(bound) + ", expected above 0");
  float* values = x.mutable_data<float>();
  parallel_for(x.num_elements(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    const ClampF32 args{end - begin, static_cast<float>(bound), values + begin};
    kernels().clamp_f32(&args);
  });
}

void scale_values(Tensor& x, double factor) {
  float* values = x.mutable_data<float>();
  parallel_for(x.num_elements(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    const ScaleF32 args{end - begin, static_cast<float>(factor), values + begin};
    kernels().scale_f32(&args);
  });
}

void fill_zeros(Tensor& x) {
  float* values = x.mutable_data<float>();
  parallel_for(x.num_elements(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::memset(values + begin, 0, static_cast<std::size_t>(end - begin) * sizeof(float));
  });
}

void move_average(Tensor& average, const Tensor& values, double rate) {
  float* target = buffer_of(average, values.num_elements(), "move_average", "average");
  const float* source = values.data<float>();
  parallel_for(values.num_elements(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    const AverageF32 args{end - begin, static_cast<float>(rate), source + begin, target + begin};
    kernels().move_average_f32(&args);
  });
}

void sgd_step(Tensor& values, const Tensor& gradients, Tensor& buffer, UpdateRanges ranges, const SgdOptions& options) {
  float* moments = buffer_of(buffer, values.num_elements(), "sgd", "buffer");
  update("sgd", values, gradients, ranges, [&](const UpdateF32& part, std::int64_t first) {
    const SgdF32 args{.part = part,
                      .buffer = from(moments, first),
                      .momentum = static_cast<float>(options.momentum),
                      .share = static_cast<float>(1.0 - options.dampening),
                      .nesterov = options.nesterov};
    kernels().sgd_f32(&args);
  });
}

void adam_step(Tensor& values, const Tensor& gradients, Tensor& first, Tensor& second, UpdateRanges ranges,
               const AdamOptions& options) {
  if (options.step < 1) throw ValueError("adam: step is " + std::to_string(options.step) + ", expected at least 1");
  const std::int64_t n = values.num_elements();
  float* first_moment = buffer_of(first, n, "adam", "first");
  float* second_moment = buffer_of(second, n, "adam", "second");
  const auto step = static_cast<double>(options.step);
  const double first_correction = 1.0 - std::pow(options.beta1, step);
  const double second_correction = 1.0 - std::pow(options.beta2, step);
  update("adam", values, gradients, ranges, [&](const UpdateF32& part, std::int64_t begin) {
    const AdamF32 args{.part = part,
                       .first = first_moment + begin,
                       .second = second_moment + begin,
                       .first_rate = static_cast<float>(1.0 - options.beta1),
                       .second_rate = static_cast<float>(1.0 - options.beta2),
                       .epsilon = static_cast<float>(options.epsilon),
                       .first_correction = static_cast<float>(first_correction),
                       .root_second_correction = static_cast<float>(std::sqrt(second_correction)),
                       .decoupled = options.decoupled};
    kernels().adam_f32(&args);
  });
}

void adagrad_step(Tensor& values, const Tensor& gradients, Tensor& sum, UpdateRanges ranges, double epsilon) {
  float* sums = buffer_of(sum, values.num_elements(), "adagrad", "sum");
  update("adagrad", values, gradients, ranges, [&](const UpdateF32& part, std::int64_t first) {
    const AdagradF32 args{.part = part, .sum = sums + first, .epsilon = static_cast<float>(epsilon)};
    kernels().adagrad_f32(&args);
  });
}

void rmsprop_step(Tensor& values, const Tensor& gradients, Tensor& square, Tensor& mean, Tensor& buffer,
                  UpdateRanges ranges, const RmspropOptions& options) {
  const std::int64_t n = values.num_elements();
  float* squares = buffer_of(square, n, "rmsprop", "square");
  float* means = buffer_of(mean, n, "rmsprop", "mean");
  float* moments = buffer_of(buffer, n, "rmsprop", "buffer");
  update("rmsprop", values, gradients, ranges, [&](const UpdateF32& part, std::int64_t first) {
    const RmspropF32 args{.part = part,
                          .square = squares + first,
                          .mean = from(means, first),
                          .buffer = from(moments, first),
                          .rate = static_cast<float>(1.0 - options.alpha),
                          .epsilon = static_cast<float>(options.epsilon),
                          .momentum = static_cast<float>(options.momentum)};
    kernels().rmsprop_f32(&args);
  });
}

}  // namespace pyseq
