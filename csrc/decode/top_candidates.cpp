#include "decode/top_candidates.h"

#include <algorithm>
#include <limits>

namespace pyseq {
namespace {

bool better(const Candidate& a, const Candidate& b) {
  return a.log_prob != b.log_prob ? a.log_prob > b.log_prob : a.index < b.index;
}

void keep_best(std::vector<Candidate>& candidates, std::size_t count) {
  std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count) - 1, candidates.end(),
                   better);
  candidates.resize(count);
}

}  // namespace

std::vector<Candidate> top_candidates(std::span<const double> totals, const float* log_probs, std::int64_t vocabulary,
                                      std::size_t count) {
  std::vector<Candidate> kept;
  // What a candidate must exceed. Indices ascend, so an equal one that comes later has lost already.
  double threshold = -std::numeric_limits<double>::infinity();
  for (std::size_t row = 0; row < totals.size(); ++row) {
    const std::int64_t first = static_cast<std::int64_t>(row) * vocabulary;
    for (std::int64_t index = first; index < first + vocabulary; ++index) {
      const double log_prob = totals[row] + log_probs[index];
      if (!(log_prob > threshold)) continue;
      kept.push_back({log_prob, index});
      // Twice the count before cutting back: selection then costs a constant per candidate.
      if (kept.size() == 2 * count) {
        keep_best(kept, count);
        threshold = kept.back().log_prob;
      }
    }
  }
  if (kept.size() > count) keep_best(kept, count);
  std::sort(kept.begin(), kept.end(), better);
  return kept;
}

}  // namespace pyseq
