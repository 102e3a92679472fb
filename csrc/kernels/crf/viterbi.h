// crf_viterbi_f32: the best path to every label, all labels of a step side by side.
#pragma once

#include "kernels/crf/sums.h"

namespace pyseq {
namespace {

inline void crf_extend(const CrfViterbiF32& args, std::int64_t step) {
  const float* emissions = args.emissions + step * args.labels;
  const float* before = args.best + (step + 1) % 2 * args.width;
  float* best = args.best + step % 2 * args.width;
  for (std::int64_t j = 0; j < args.width; j += kLanes) {
    Float score = load(args.start + j);
    Int from{};
    if (step > 0) {
      score = broadcast(-kInfinity);
      for (std::int64_t i = 0; i < args.labels; ++i) {
        const Float candidate = broadcast(before[i]) + load(args.transitions + i * args.width + j);
        const Int better = candidate > score;
        score = select(better, candidate, score);
        from = better ? broadcast(static_cast<std::int32_t>(i)) : from;
      }
    }
    store(best + j, score + load(emissions + j, args.labels - j));
    store_bits(args.from + step * args.width + j, from);
  }
  take_largest_off(args.width, best);
}

void crf_viterbi_f32(const CrfViterbiF32* args) {
  for (std::int64_t step = args->begin; step < args->end; ++step) crf_extend(*args, step);
}

}  // namespace
}  // namespace pyseq
