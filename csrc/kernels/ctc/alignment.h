// ctc_forward_f32 and ctc_backward_f32: sums over all alignments, all states of a frame side by side.
#pragma once

#include "kernels/ctc/args.h"
#include "kernels/ctc/scaled.h"

namespace pyseq {
namespace {

/// The four arrays of a row of states.
template <typename T>
struct CtcRow {
  T *label_mantissas, *label_exponents, *blank_mantissas, *blank_exponents;

  CtcRow(T* rows, std::int64_t index, std::int64_t width) {
    const std::int64_t stride = width + 2 * kCtcMargin;
    label_mantissas = rows + index * 4 * stride + kCtcMargin;
    label_exponents = label_mantissas + stride;
    blank_mantissas = label_exponents + stride;
    blank_exponents = blank_mantissas + stride;
  }
  Scaled labels(std::int64_t i) const { return load_scaled(label_mantissas + i, label_exponents + i); }
  Scaled blanks(std::int64_t i) const { return load_scaled(blank_mantissas + i, blank_exponents + i); }
  void set_labels(std::int64_t i, Scaled v) const { store_scaled(label_mantissas + i, label_exponents + i, v); }
  void set_blanks(std::int64_t i, Scaled v) const { store_scaled(blank_mantissas + i, blank_exponents + i, v); }

  void clear(std::int64_t width) const {
    for (std::int64_t i = -kCtcMargin; i < width + kCtcMargin; i += kLanes) {
      set_labels(i, zero_scaled());
      set_blanks(i, zero_scaled());
    }
  }
  void set_blank_to_one(std::int64_t index) const {
    blank_mantissas[index] = 1.0F;
    blank_exponents[index] = 0.0F;  // the bits of the integer 0
  }
};

inline Int load_int(const std::int32_t* p) {
  return *reinterpret_cast<const VecOf<std::int32_t, kLanes>::unaligned*>(p);
}

/// From the states of one frame to those of the next: a state is reached from itself and from the one before it, a
/// label also from the label before it unless that is the same.
inline void ctc_advance(const CtcForwardF32& args, std::int64_t frame, CtcRow<float> from, CtcRow<float> to) {
  const Scaled blank = exp_scaled(broadcast(args.blank_log[frame]));
  const float* label_log = args.label_log + frame * args.width;
  to.set_labels(-kLanes, zero_scaled());
  for (std::int64_t i = 0; i < args.width; i += kLanes) {
    const Scaled labels = from.labels(i), labels_before = from.labels(i - 1), blanks = from.blanks(i);
    to.set_blanks(i, product(sum(blanks, labels_before), blank));
    const Scaled skipped = masked(load_int(args.skips + i), labels_before);
    to.set_labels(i, product(sum(labels, blanks, skipped), exp_scaled(load(label_log + i))));
  }
}

void ctc_forward_f32(const CtcForwardF32* args) {
  const auto row = [args](std::int64_t index) { return CtcRow<float>(args->states, index % args->kept, args->width); };
  if (args->begin == 0) {
    row(0).clear(args->width);
    row(0).set_blank_to_one(0);
  }
  for (std::int64_t frame = args->begin; frame < args->end; ++frame) {
    ctc_advance(*args, frame, row(frame), row(frame + 1));
  }
}

/// The probability of a state in all alignments: prefixes that end in it times suffixes that follow, over the total.
struct CtcPosterior {
  float factor;
  std::int32_t exponent;

  Float operator()(Scaled prefix, Scaled suffix) const {
    Int power = prefix.exponent + suffix.exponent - exponent;
    power = smaller(larger(power, broadcast(-127)), broadcast(100));
    return (prefix.mantissa * suffix.mantissa * factor) * from_bits((power + 127) << 23);
  }
};

/// One frame backwards: `later` and `earlier` hold suffixes with the frame's own probability, which the posterior is
/// without.
inline void ctc_retreat(const CtcBackwardF32& args, const CtcPosterior& posterior, std::int64_t frame,
                        CtcRow<float> later, CtcRow<float> earlier) {
  const CtcRow<const float> prefixes(args.states, frame + 1, args.width);
  const Scaled blank = exp_scaled(broadcast(args.blank_log[frame]));
  const float* label_log = args.label_log + frame * args.width;
  Float blank_posterior{};
  for (std::int64_t i = 0; i < args.width; i += kLanes) {
    const Scaled labels = later.labels(i), blanks = later.blanks(i);
    const Scaled blank_suffix = sum(blanks, labels);
    const Scaled skipped = masked(load_int(args.skips + i + 1), later.labels(i + 1));
    const Scaled label_suffix = sum(labels, later.blanks(i + 1), skipped);
    blank_posterior += posterior(prefixes.blanks(i), blank_suffix);
    store(args.posteriors + i, posterior(prefixes.labels(i), label_suffix));
    earlier.set_blanks(i, product(blank_suffix, blank));
    earlier.set_labels(i, product(label_suffix, exp_scaled(load(label_log + i))));
  }
  float* gradient = args.gradient + frame * args.classes;
  gradient[args.blank] -= sum_of_lanes(blank_posterior);
  for (std::int64_t i = 0; i < args.labels; ++i) gradient[args.targets[i]] -= args.posteriors[i];
}

void ctc_backward_f32(const CtcBackwardF32* args) {
  const auto row = [args](std::int64_t frame) { return CtcRow<float>(args->future, frame % 2, args->width); };
  if (args->end == args->time) {
    row(0).clear(args->width);
    row(1).clear(args->width);
    row(args->time).set_blank_to_one(args->labels);
  }
  const CtcPosterior posterior{1.0F / args->total_mantissa, args->total_exponent};
  for (std::int64_t frame = args->end - 1; frame >= args->begin; --frame) {
    ctc_retreat(*args, posterior, frame, row(frame + 1), row(frame));
  }
}

}  // namespace
}  // namespace pyseq
