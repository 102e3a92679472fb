// The softmax of attention, in powers of two: queries are multiplied by log2(e) once, so that a probability is
// 2^(score - maximum) and needs no reduction of its argument.
#pragma once

#include "kernels/attention/storage.h"
#include "kernels/vector/math.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

constexpr float kLog2E = 1.44269504F;

/// 2^x for x <= 0, relative error below 1.5e-7; 0 below 2^-126. NaN stays NaN.
inline Float exp2_of_negative(Float x) {
  x = max(broadcast(-127.0F), x);
  // Adding 1.5 * 2^23 + 127 rounds to an integer, whose low bits are the exponent of 2^n.
  const Float shift = broadcast(12583039.0F);
  const Float shifted = x + shift;
  const Float f = x - (shifted - shift);
  const Float p =
      polynomial(f, 1.0F, 6.931470037e-01F, 2.402224243e-01F, 5.550733581e-02F, 9.671512991e-03F, 1.326472731e-03F);
  return p * from_bits(bits(shifted) << 23);
}

/// scores[from ... to) of one chunk become 2^(score - shift), zero in the rest of their vectors; returns their sum.
inline float row_exp2(std::int64_t from, std::int64_t to, float shift, float* scores) {
  Float sum{};
  for (std::int64_t i = from / kLanes * kLanes; i < to; i += kLanes) {
    const Float e = exp2_of_negative(load(scores + i) - shift);
    store(scores + i, e);
    sum += e;
  }
  return sum_of_lanes(sum);
}

/// The largest of scores[from ... to), NaN left out. Scores that share their vectors become -inf.
inline float chunk_max(std::int64_t from, std::int64_t to, float* scores) {
  const std::int64_t first = from / kLanes * kLanes, last = (to + kLanes - 1) / kLanes * kLanes;
  for (std::int64_t i = first; i < from; ++i) scores[i] = -kInfinity;
  for (std::int64_t i = to; i < last; ++i) scores[i] = -kInfinity;
  Float largest = broadcast(-kInfinity);
  for (std::int64_t i = first; i < last; i += kLanes) largest = max(load(scores + i), largest);
  return max_of_lanes(largest);
}

}  // namespace
}  // namespace pyseq
