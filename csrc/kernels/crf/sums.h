// crf_forward_f32 and crf_backward_f32: sums over all paths as logarithms, all labels of a step side by side.
#pragma once

#include "kernels/crf/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

/// In lane j: log of the sum over i of exp(from[i] + weights[i, j]).
inline Float log_sum_over_labels(std::int64_t labels, std::int64_t width, const float* from, const float* weights) {
  Float largest = broadcast(-kInfinity);
  for (std::int64_t i = 0; i < labels; ++i) largest = max(broadcast(from[i]) + load(weights + i * width), largest);
  const Float shift = select(largest == broadcast(-kInfinity), Float{}, largest);
  Float total{};
  for (std::int64_t i = 0; i < labels; ++i) {
    total += exp_nonpositive((broadcast(from[i]) + load(weights + i * width)) - shift);
  }
  return shift + log(total);
}

/// Takes the largest value off all values; returns it (0 where all are -inf).
inline float take_largest_off(std::int64_t width, float* values) {
  const float shift = exp_shift(row_max(width, values));
  for (std::int64_t j = 0; j < width; j += kLanes) store(values + j, load(values + j) - shift);
  return shift;
}

inline void crf_advance(const CrfForwardF32& args, std::int64_t step) {
  const float* emissions = args.emissions + step * args.labels;
  const float* before = args.prefixes + (step + args.kept - 1) % args.kept * args.width;
  float* prefixes = args.prefixes + step % args.kept * args.width;
  for (std::int64_t j = 0; j < args.width; j += kLanes) {
    const Float reached =
        step == 0 ? load(args.start + j) : log_sum_over_labels(args.labels, args.width, before, args.transitions + j);
    store(prefixes + j, reached + load(emissions + j, args.labels - j));
  }
  args.shifts[step] = take_largest_off(args.width, prefixes);
}

void crf_forward_f32(const CrfForwardF32* args) {
  for (std::int64_t step = args->begin; step < args->end; ++step) crf_advance(*args, step);
}

/// arrivals[j] = emission + suffix of label j of the step behind; adds the probabilities of pairs of labels.
inline void crf_arrive(const CrfBackwardF32& args, std::int64_t step) {
  const float* emissions = args.emissions + (step + 1) * args.labels;
  for (std::int64_t j = 0; j < args.width; j += kLanes) {
    store(args.arrivals + j, load(args.suffixes + j) + load(emissions + j, args.labels - j));
  }
  if (args.neighbours == nullptr) return;
  const Float normalizer = broadcast(*args.normalizer + args.shifts[step + 1]);
  const float* prefixes = args.prefixes + step * args.width;
  for (std::int64_t i = 0; i < args.labels; ++i) {
    const Float prefix = broadcast(prefixes[i]);
    const float* transitions = args.transitions + i * args.width;
    float* neighbours = args.neighbours + i * args.width;
    for (std::int64_t j = 0; j < args.width; j += kLanes) {
      const Float score = (prefix + load(transitions + j)) + (load(args.arrivals + j) - normalizer);
      store(neighbours + j, load(neighbours + j) + exp_nonpositive(score));
    }
  }
}

inline void crf_retreat(const CrfBackwardF32& args, std::int64_t step) {
  const bool is_last = step + 1 == args.time;
  if (!is_last) crf_arrive(args, step);
  for (std::int64_t i = 0; i < args.width; i += kLanes) {
    store(args.suffixes + i, is_last
                                 ? load(args.last + i)
                                 : log_sum_over_labels(args.labels, args.width, args.arrivals, args.transposed + i));
  }
  take_largest_off(args.width, args.suffixes);
  // softmax(prefix + suffix): normalised at every step by itself
  const float* prefixes = args.prefixes + step * args.width;
  float* marginals = args.marginals + step * args.labels;
  for (std::int64_t j = 0; j < args.width; j += kLanes) {
    store(args.arrivals + j, load(prefixes + j) + load(args.suffixes + j));
  }
  const float shift = exp_shift(row_max(args.width, args.arrivals));
  const float total = row_exp(args.width, args.arrivals, shift, args.arrivals);
  *args.normalizer = shift + log(broadcast(total))[0];
  const float factor = 1.0F / total;
  for (std::int64_t j = 0; j < args.labels; j += kLanes) {
    store(marginals + j, load(args.arrivals + j) * factor, args.labels - j);
  }
}

void crf_backward_f32(const CrfBackwardF32* args) {
  for (std::int64_t step = args->end - 1; step >= args->begin; --step) crf_retreat(*args, step);
}

}  // namespace
}  // namespace pyseq
