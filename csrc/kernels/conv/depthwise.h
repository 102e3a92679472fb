// depthwise_f32: every channel has its own weights. Sums of several windows stay in registers beside one tap's weight.
#pragma once

#include "kernels/conv/args.h"
#include "kernels/vector/elementwise.h"

namespace pyseq {
namespace {

constexpr std::int64_t kChannelPanel = 32;
constexpr std::int64_t kChannelRounding = 16;
constexpr int kWindowsAtOnce = 8;

/// The weights of kLanes channels: `first` points to those of tap 0, taps follow each other at `stride`.
struct TapWeights {
  const float* first;
  std::int64_t stride;
};

template <int Count>
void depthwise_windows(const DepthwiseF32& args, TapWeights weights, std::int64_t position, std::int64_t channel,
                       std::int64_t channels) {
  const WindowsF32& windows = args.windows;
  Float sums[Count] = {};
  const std::int64_t offset = position * windows.step + channel;
  for (std::int64_t tap = 0; tap < windows.taps; ++tap) {
    const Float weight = load(weights.first + args.numbers[tap] * weights.stride);
    const float* x = windows.x[tap] + offset;
#pragma GCC unroll 16
    for (int p = 0; p < Count; ++p) sums[p] = fma(weight, load(x + p * windows.step, channels), sums[p]);
  }
#pragma GCC unroll 16
  for (int p = 0; p < Count; ++p) store(args.y + (position + p) * windows.channels + channel, sums[p], channels);
}

/// All channels of Count windows, one vector of them at a time.
template <int Count>
void depthwise_rows(const DepthwiseF32& args, std::int64_t position) {
  const std::int64_t channels = args.windows.channels;
  for (std::int64_t channel = 0; channel < channels; channel += kLanes) {
    const std::int64_t panel = channel / kChannelPanel * kChannelPanel;
    const std::int64_t rest = channels - panel;
    const std::int64_t width =
        rest >= kChannelPanel ? kChannelPanel : (rest + kChannelRounding - 1) / kChannelRounding * kChannelRounding;
    const TapWeights weights{args.weight + panel * args.all_taps + (channel - panel), width};
    // Whole vectors apart: their loads need no look at the count.
    if (channels - channel >= kLanes) {
      depthwise_windows<Count>(args, weights, position, channel, kLanes);
    } else {
      depthwise_windows<Count>(args, weights, position, channel, channels - channel);
    }
  }
  float* y = args.y + position * channels;
  for (int p = 0; p < Count; ++p, y += channels) {
    if (args.bias != nullptr) add(channels, y, args.bias, y);
    activate(args.activation, channels, y, y);
  }
}

void depthwise_f32(const DepthwiseF32* args) {
  std::int64_t position = 0;
  for (; position + kWindowsAtOnce <= args->windows.positions; position += kWindowsAtOnce) {
    depthwise_rows<kWindowsAtOnce>(*args, position);
  }
  for (; position < args->windows.positions; ++position) depthwise_rows<1>(*args, position);
}

}  // namespace
}  // namespace pyseq
