// ctc_frames_f32: the softmax of every frame, and of it what the states need.
#pragma once

#include "kernels/ctc/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

void ctc_frames_f32(const CtcFramesF32* args) {
  const std::int64_t n = args->classes;
  for (std::int64_t frame = 0; frame < args->frames; ++frame) {
    const float* x = args->logits + frame * n;
    const float shift = exp_shift(row_max(n, x));
    float total = 0.0F;
    if (args->softmax != nullptr) {
      float* y = args->softmax + frame * n;
      total = row_exp(n, x, shift, y);
      const float factor = 1.0F / (total == 0.0F ? 1.0F : total);
      for (std::int64_t i = 0; i < n; i += kLanes) store(y + i, load(y + i, n - i) * factor, n - i);
    } else {
      total = row_exp_sum(n, x, shift, x);
    }
    const float log_total = log(broadcast(total == 0.0F ? 1.0F : total))[0];
    args->blank_log[frame] = (x[args->blank] - shift) - log_total;
    float* labels = args->label_log + frame * args->width;
    for (std::int64_t i = 0; i < args->labels; ++i) labels[i] = (x[args->targets[i]] - shift) - log_total;
    for (std::int64_t i = args->labels; i < args->width; ++i) labels[i] = -kInfinity;
  }
}

}  // namespace
}  // namespace pyseq
