#include "decode/hypothesis_score.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pyseq {

double HypothesisScore::operator()(double log_prob, std::int64_t length, std::span<const float> coverage) const {
  double score = log_prob / normaliser(length);
  if (beta_ == 0) return score;
  double covered = 0;
  for (const float share : coverage) {
    if (share > 0) covered += std::log(std::min(static_cast<double>(share), 1.0));
  }
  return score + beta_ * covered;
}

double HypothesisScore::bound(double log_prob, std::int64_t length, std::int64_t longest) const {
  if (beta_ < 0) return std::numeric_limits<double>::infinity();  // a reward: coverage adds without limit
  return std::max(log_prob / normaliser(length), log_prob / normaliser(longest));
}

double HypothesisScore::normaliser(std::int64_t length) const {
  const auto tokens = static_cast<double>(length);
  return std::pow(normalization_ == LengthNormalization::gnmt ? (5.0 + tokens) / 6.0 : tokens, alpha_);
}

}  // namespace pyseq
