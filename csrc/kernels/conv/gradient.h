// Gradients of depthwise weights and of pooling.
#pragma once

#include "kernels/conv/args.h"
#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

void depthwise_gradient_f32(const DepthwiseGradientF32* args) {
  const WindowsF32& windows = args->windows;
  for (std::int64_t channel = args->first_channel; channel < args->last_channel; channel += kLanes) {
    const std::int64_t count = args->last_channel - channel;
    for (std::int64_t tap = 0; tap < windows.taps; ++tap) {
      Float sum{};
      for (std::int64_t p = 0; p < windows.positions; ++p) {
        sum = fma(load(args->dy + p * windows.channels + channel, count),
                  load(windows.x[tap] + p * windows.step + channel, count), sum);
      }
      float* to = args->dweight + args->numbers[tap] * windows.channels + channel;
      store(to, load(to, count) + sum, count);
    }
  }
}

/// Calls each(offset of a window among outputs, its offset among inputs, lanes) for vectors of some channels.
template <typename Each>
inline void for_pooled(const PoolGradientF32& args, Each each) {
  const WindowsF32& windows = args.windows;
  for (std::int64_t p = 0; p < windows.positions; ++p) {
    for (std::int64_t channel = args.first_channel; channel < args.last_channel; channel += kLanes) {
      each(p * windows.channels + channel, p * windows.step + channel, args.last_channel - channel);
    }
  }
}

inline void add_to(float* to, Float v, std::int64_t count) {
  store(to, load(to, count) + v, count);
}

void max_pool_gradient_f32(const PoolGradientF32* args) {
  const WindowsF32& windows = args->windows;
  for_pooled(*args, [&](std::int64_t out, std::int64_t in, std::int64_t count) {
    const Float y = load(args->y + out, count);
    Float left = load(args->dy + out, count);  // what no tap has taken yet
    for (std::int64_t tap = 0; tap < windows.taps; ++tap) {
      const Float x = load(windows.x[tap] + in, count);
      const Int hit = (x == y) | ((x != x) & (y != y));
      add_to(args->dx + (windows.x[tap] - args->x) + in, select(hit, left, Float{}), count);
      left = select(hit, Float{}, left);
    }
  });
}

void mean_pool_gradient_f32(const PoolGradientF32* args) {
  const WindowsF32& windows = args->windows;
  const Float divisor = broadcast(args->divisor);
  for_pooled(*args, [&](std::int64_t out, std::int64_t in, std::int64_t count) {
    const Float gradient = load(args->dy + out, count) / divisor;
    for (std::int64_t tap = 0; tap < windows.taps; ++tap) {
      add_to(args->dx + (windows.x[tap] - args->x) + in, gradient, count);
    }
  });
}

}  // namespace
}  // namespace pyseq
