// binary_cross_entropy of logits x and targets t, and its gradient: loss = (1 - t) x + q ln(1 + e^-x) with
// q = 1 + (weight - 1) t, without overflow; d loss / dx = (1 - t) - q σ(-x).
#pragma once

#include "kernels/rowwise/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

void binary_cross_entropy_f32(const BinaryCrossEntropyF32* args) {
  const std::int64_t n = args->columns;
  const float* weight = args->weight;
  for (std::int64_t at = 0; at < args->rows * n; at += n) {
    const float *logits = args->logits + at, *targets = args->targets + at;
    float *loss = args->loss + at, *gradient = args->gradient != nullptr ? args->gradient + at : nullptr;
    for_row(n, [=](std::int64_t i, std::int64_t count) {
      const Float x = load(logits + i, count), t = load(targets + i, count);
      const Float q = weight != nullptr ? fma(load(weight + i, count) - 1.0F, t, broadcast(1.0F)) : broadcast(1.0F);
      store(loss + i, fma(1.0F - t, x, q * softplus(-x)), count);
      if (gradient != nullptr) store(gradient + i, (1.0F - t) - q * sigmoid(-x), count);
    });
  }
}

}  // namespace
}  // namespace pyseq
