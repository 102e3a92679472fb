// Probabilities of paths as their logarithms.
#pragma once

#include <cmath>
#include <limits>
#include <utility>

namespace pyseq {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

/// ln(e^a + e^b)
inline double log_add(double a, double b) {
  if (a < b) std::swap(a, b);
  const double difference = b - a;
  if (!(difference > -40)) return a;  // less than half a unit of the last place; also where both are -inf
  return a + std::log1p(std::exp(difference));
}

}  // namespace pyseq
