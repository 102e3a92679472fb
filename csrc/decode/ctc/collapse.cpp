// Paths of classes and their labels.
#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "decode/ctc/frames.h"
#include "pyseq/ctc.h"

namespace pyseq {
namespace {

constexpr std::int64_t kBlock = 256;  // frames whose best classes stand on the stack, between two looks at the limits

/// The labels of one row: a block of best classes at a time.
CtcAlignment greedy_row(const CtcFrames& frames, std::int64_t row, std::int64_t blank, const RunLimits& limits) {
  float values[kBlock];
  std::int32_t best[kBlock];
  const std::int64_t length = frames.length(row), classes = frames.classes();
  CtcAlignment result;
  result.tokens.reserve(static_cast<std::size_t>(length / 4 + 1));
  std::int64_t before = blank;
  for (std::int64_t first = 0; first < length; first += kBlock) {
    limits.check();
    const std::int64_t count = std::min(kBlock, length - first);
    best_ctc_classes(frames.label(), row, frames.row(row) + first * classes, count, classes, first, values, best);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t label = best[i], frame = first + i;
      result.log_prob += values[i];
      if (label != blank) {
        if (label != before) result.tokens.push_back({label, frame, frame, 0.0});
        result.tokens.back().end = frame + 1;
        result.tokens.back().log_prob += values[i];
      }
      before = label;
    }
  }
  return result;
}

}  // namespace

double CtcToken::confidence() const {
  return end > start ? std::exp(log_prob / static_cast<double>(end - start)) : 0.0;
}

std::vector<std::int64_t> ctc_collapse(std::span<const std::int64_t> path, std::int64_t blank) {
  std::vector<std::int64_t> labels;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != blank && (i == 0 || path[i] != path[i - 1])) labels.push_back(path[i]);
  }
  return labels;
}

std::vector<CtcAlignment> ctc_greedy(const Tensor& log_probs, const Tensor& lengths, std::int64_t blank,
                                     const RunLimits& limits) {
  const CtcFrames frames("ctc.greedy", log_probs, lengths, blank);
  std::vector<CtcAlignment> result(static_cast<std::size_t>(frames.batch()));
  const std::int64_t values = std::max<std::int64_t>(1, frames.time() * frames.classes());
  parallel_for(frames.batch(), std::max<std::int64_t>(1, (std::int64_t{1} << 16) / values),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t row = begin; row < end; ++row) {
                   result[static_cast<std::size_t>(row)] = greedy_row(frames, row, blank, limits);
                 }
               });
  return result;
}

}  // namespace pyseq
