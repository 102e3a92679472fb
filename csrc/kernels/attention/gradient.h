// The element-wise part of the gradient of attention: probabilities again from the row's log-sum-exp, and what comes
// back through the softmax. With p = e^(score - logsumexp): d score = p (dp - delta), delta being Σ dp p of the row.
#pragma once

#include "kernels/attention/softmax.h"

namespace pyseq {
namespace {

/// Zeros in whole vectors of both rows.
inline void zero_vectors(std::int64_t from, std::int64_t to, float* a, float* b) {
  for (std::int64_t i = from; i < to; i += kLanes) {
    store(a + i, Float{});
    store(b + i, Float{});
  }
}

/// One query: the columns [from, to) are keys that it sees, the others get zeros. With `Added` there are bias, slopes
/// or their gradients to look at.
template <bool Added>
inline void score_gradient_row(const ScoreGradientRun& args, std::int64_t r, std::int64_t from, std::int64_t to) {
  float* scores = args.scores + r * kAttentionGradientKeys;
  float* gradients = args.gradients + r * kAttentionGradientKeys;
  const Float scale = broadcast(args.scale * kLog2E), delta = broadcast(args.delta[r]);
  const Float shift = broadcast(exp_shift(args.logsumexp[r]) * kLog2E);
  const float* bias = args.bias == nullptr ? nullptr : args.bias + r * args.bias_stride;
  float* dbias = args.dbias == nullptr ? nullptr : args.dbias + r * args.dbias_stride;
  Float slope_sum{};
  for (std::int64_t i = from / kLanes * kLanes; i < to; i += kLanes) {
    Float score = fma(load(scores + i), scale, -shift), distance{};
    if constexpr (Added) {
      if (bias != nullptr) score = fma(load(bias + i, to - i), broadcast(kLog2E), score);
      const auto last = static_cast<std::int32_t>(args.first + i - args.key_ends[r] + 1);
      distance = to_float(lane_numbers() + broadcast(last));
      score = fma(distance, broadcast(args.slope * kLog2E), score);
    }
    const Int seen = first_lanes(to - i) & ~first_lanes(from - i);
    const Float p = select(seen, exp2_of_negative(score), Float{});
    const Float gradient = select(seen, p * (load(gradients + i) - delta), Float{});
    store(scores + i, p);
    store(gradients + i, gradient * args.scale);
    if constexpr (Added) {
      if (dbias != nullptr) store(dbias + i, load(dbias + i, to - i) + gradient, to - i);
      slope_sum += gradient * distance;
    }
  }
  if (args.dslope != nullptr) *args.dslope += sum_of_lanes(slope_sum);
}

void score_gradient(const ScoreGradientRun* pointer) {
  const ScoreGradientRun& args = *pointer;
  const bool added = args.bias != nullptr || args.slope != 0.0F || args.dbias != nullptr || args.dslope != nullptr;
  for (std::int64_t r = 0; r < args.rows; ++r) {
    const std::int64_t begin = args.key_begins == nullptr ? 0 : args.key_begins[r];
    const std::int64_t from = least(most(begin - args.first, 0), args.columns);
    const std::int64_t to = most(least(args.key_ends[r] - args.first, args.columns), from);
    if (from < to) added ? score_gradient_row<true>(args, r, from, to) : score_gradient_row<false>(args, r, from, to);
    const std::int64_t before = from < to ? from / kLanes * kLanes : 0;
    const std::int64_t behind = from < to ? (to + kLanes - 1) / kLanes * kLanes : 0;
    float* scores = args.scores + r * kAttentionGradientKeys;
    float* gradients = args.gradients + r * kAttentionGradientKeys;
    zero_vectors(0, before, scores, gradients);
    zero_vectors(behind, args.columns, scores, gradients);
  }
}

void dot_rows(const DotRows* args) {
  for (std::int64_t r = 0; r < args->rows; ++r) {
    const float *a = args->a + r * args->stride, *b = args->b + r * args->stride;
    args->dots[r] = sum_over_row(
        args->size, [=](std::int64_t i, std::int64_t count) { return load(a + i, count) * load(b + i, count); });
  }
}

}  // namespace
}  // namespace pyseq
