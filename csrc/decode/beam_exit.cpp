// When a beam is done.
#include "decode/beam.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace pyseq {

// The best continuation of a beam with phrases is that of one bank alone: it may end while others could become better.
EarlyExit Beam::exit_rule() const {
  const DecodingOptions& options = setup_.options;
  if (options.early_exit != EarlyExit::automatic) return options.early_exit;
  if (options.length_penalty != 0 || options.coverage_penalty != 0) return EarlyExit::patience;
  return constraints_ && constraints_->has_phrases() ? EarlyExit::bound : EarlyExit::first;
}

bool Beam::is_done() const {
  const DecodingOptions& options = setup_.options;
  const auto finished = static_cast<std::int64_t>(finished_.size());
  switch (exit_rule()) {
    case EarlyExit::automatic:
    case EarlyExit::first:
      return best_has_ended_ && finished >= plan_.wanted;
    case EarlyExit::patience: {
      const double width = static_cast<double>(plan_.width);
      return static_cast<double>(finished) >= (plan_.width == 1 ? 1.0 : std::round(width * options.patience));
    }
    case EarlyExit::bound:
      return finished >= plan_.wanted && is_beyond_reach();
    case EarlyExit::never:
      break;
  }
  return false;
}

// Whether nothing alive can come before the last of the wanted hypotheses.
bool Beam::is_beyond_reach() const {
  std::vector<double> scores;
  for (const Finished& finished : finished_) scores.push_back(finished.score);
  const auto last = scores.begin() + (plan_.wanted - 1);
  std::nth_element(scores.begin(), last, scores.end(), std::greater<>());
  return std::all_of(rows_.begin(), rows_.end(), [&](const Row& row) {
    return setup_.score.bound(row.log_prob, length_ + 1, setup_.options.max_length) <= *last;
  });
}

}  // namespace pyseq
