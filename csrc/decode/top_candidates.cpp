#include "decode/top_candidates.h"

#include <algorithm>
#include <cmath>
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

constexpr std::int64_t kBlock = 64;  // values that are compared at once: most blocks have nothing to offer

// Below this a log probability cannot bring its row's hypothesis to `threshold`: rounded down.
float least_log_prob(double threshold, double total) {
  const auto least = static_cast<float>(threshold - total);
  return std::nextafter(least, -std::numeric_limits<float>::infinity());
}

bool any_above(const float* values, std::int64_t count, float least) {
  int found = 0;
  for (std::int64_t i = 0; i < count; ++i) found |= static_cast<int>(values[i] > least);
  return found != 0;
}

}  // namespace

std::vector<Candidate> top_candidates(std::span<const double> totals, const float* log_probs, std::int64_t vocabulary,
                                      std::size_t count) {
  std::vector<Candidate> kept;
  // What a candidate must exceed. Indices ascend, so an equal one that comes later has lost already.
  double threshold = -std::numeric_limits<double>::infinity();
  const auto offer = [&](double log_prob, std::int64_t index) {
    if (!(log_prob > threshold)) return false;
    kept.push_back({log_prob, index});
    // Twice the count before cutting back: selection then costs a constant per candidate.
    if (kept.size() < 2 * count) return false;
    keep_best(kept, count);
    threshold = kept.back().log_prob;  // the worst: nth_element has put it there
    return true;
  };
  for (std::size_t row = 0; row < totals.size(); ++row) {
    const std::int64_t end = static_cast<std::int64_t>(row + 1) * vocabulary;
    float least = least_log_prob(threshold, totals[row]);
    for (std::int64_t block = end - vocabulary; block < end; block += kBlock) {
      const std::int64_t size = std::min(kBlock, end - block);
      if (!any_above(log_probs + block, size, least)) continue;
      for (std::int64_t index = block; index < block + size; ++index) {
        if (!(log_probs[index] > least)) continue;
        if (offer(totals[row] + log_probs[index], index)) least = least_log_prob(threshold, totals[row]);
      }
    }
  }
  if (kept.size() > count) keep_best(kept, count);
  std::sort(kept.begin(), kept.end(), better);
  return kept;
}

}  // namespace pyseq
