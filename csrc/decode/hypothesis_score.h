// What a hypothesis is worth: see DecodingOptions::length_penalty.
#pragma once

#include <cstdint>
#include <span>

#include "pyseq/decode.h"

namespace pyseq {

class HypothesisScore {
 public:
  explicit HypothesisScore(const DecodingOptions& options)
      : alpha_(options.length_penalty), normalization_(options.length_normalization), beta_(options.coverage_penalty) {}

  bool needs_coverage() const { return beta_ != 0; }
  /// `coverage` has the attention that every source position got, the step of the end mark counted; positions that got
  /// none at all (padding) do not count.
  double operator()(double log_prob, std::int64_t length, std::span<const float> coverage) const;
  /// What no continuation of a hypothesis can exceed, if its tokens are probabilities: `length` it has at least after
  /// the next step, `longest` at most.
  double bound(double log_prob, std::int64_t length, std::int64_t longest) const;

 private:
  double normaliser(std::int64_t length) const;

  double alpha_;
  LengthNormalization normalization_;
  double beta_;
};

}  // namespace pyseq
