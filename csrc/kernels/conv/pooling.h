// max_pool_f32 and mean_pool_f32.
#pragma once

#include "kernels/conv/args.h"
#include "kernels/vector/vec.h"

namespace pyseq {
namespace {

/// y[p, c] = finish(combine(... combine(x of tap 0, x of tap 1) ...)), 0 without taps.
template <typename Combine, typename Finish>
void pool(const PoolF32& args, Combine combine, Finish finish) {
  const WindowsF32& windows = args.windows;
  for (std::int64_t position = 0; position < windows.positions; ++position) {
    float* y = args.y + position * windows.channels;
    for (std::int64_t channel = 0; channel < windows.channels; channel += kLanes) {
      const std::int64_t count = windows.channels - channel, offset = position * windows.step + channel;
      Float value = windows.taps > 0 ? load(windows.x[0] + offset, count) : Float{};
      for (std::int64_t tap = 1; tap < windows.taps; ++tap)
        value = combine(value, load(windows.x[tap] + offset, count));
      store(y + channel, finish(value), count);
    }
  }
}

void max_pool_f32(const PoolF32* args) {
  pool(
      *args, [](Float a, Float b) { return select(a != a, a, max(a, b)); },  // max gives b when one is NaN
      [](Float value) { return value; });
}

void mean_pool_f32(const PoolF32* args) {
  const Float divisor = broadcast(args->divisor);
  pool(*args, [](Float a, Float b) { return a + b; }, [divisor](Float value) { return value / divisor; });
}

}  // namespace
}  // namespace pyseq
