// The best continuations of a beam.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pyseq {

struct Candidate {
  double log_prob = 0;     // of the whole hypothesis with this token
  std::int64_t index = 0;  // row * vocabulary + token
};

/// The `count` best of totals[row] + log_probs[row * vocabulary + token], best first; of equals the lower index comes
/// first. Continuations of probability zero are not candidates, so fewer than `count` may come back.
std::vector<Candidate> top_candidates(std::span<const double> totals, const float* log_probs, std::int64_t vocabulary,
                                      std::size_t count);

}  // namespace pyseq
