// Forced alignment: the likeliest path through the lattice of a target, by the Viterbi recursion.
//
// L labels give the states blank 0, label 0, blank 1, ..., blank L. A frame moves on by one state, by two from a label
// to another one, or stays; of equal paths the one that stayed wins.
#include <algorithm>
#include <optional>

#include "base/threads.h"
#include "decode/ctc/frames.h"
#include "decode/ctc/log_space.h"
#include "ops/checks.h"
#include "pyseq/ctc.h"

namespace pyseq {
namespace {

constexpr std::int64_t kFramesBetweenLooks = 256;  // at the limits

enum Move : std::uint8_t { kStay, kFromNeighbour, kFromLabel };  // how a path came to a state

/// One row: its frames and its labels.
struct Target {
  const float* log_probs;  // [time, classes]
  std::int64_t time, classes, blank;
  std::span<const std::int64_t> labels;
};

class Lattice {
 public:
  explicit Lattice(const Target& target)
      : target_(target),
        labels_(static_cast<std::int64_t>(target.labels.size())),
        blank_(target.labels.size() + 1, kImpossible),
        label_(target.labels.size() + 1, kImpossible),  // what stands before the first label is impossible
        skip_cost_(target.labels.size(), kImpossible),
        moves_(static_cast<std::size_t>(target.time * (2 * labels_ + 1))) {
    blank_[0] = 0;
    for (std::size_t i = 1; i < target.labels.size(); ++i) {
      if (target.labels[i] != target.labels[i - 1]) skip_cost_[i] = 0;
    }
  }

  void run(const RunLimits& limits) {
    for (std::int64_t t = 0; t < target_.time; ++t) {
      if (t % kFramesBetweenLooks == 0) limits.check();
      step(t);
    }
  }

  /// The path, or nothing where all have probability zero.
  std::optional<CtcAlignment> best() const {
    const double last_blank = blank_.back(), last_label = labels_ == 0 ? kImpossible : label_.back();
    CtcAlignment result;
    result.log_prob = std::max(last_blank, last_label);
    if (result.log_prob == kImpossible) return std::nullopt;
    trace(2 * labels_ - (last_label > last_blank ? 1 : 0), result.tokens);
    return result;
  }

 private:
  // From the last label down, so that its neighbours still hold the frame before.
  void step(std::int64_t t) {
    const float* frame = target_.log_probs + t * target_.classes;
    const double blank = frame[target_.blank];
    Move* moves = moves_.data() + t * (2 * labels_ + 1);
    for (std::int64_t i = labels_; i >= 0; --i) {
      const auto n = static_cast<std::size_t>(i);
      const bool leaves_label = label_[n] > blank_[n];
      const double stayed = blank_[n];
      moves[2 * i] = leaves_label ? kFromNeighbour : kStay;
      blank_[n] = std::max(stayed, label_[n]) + blank;
      if (i == 0) break;
      // Label i - 1 stands at label_[i]; blank i - 1 is before it, label i - 2 before that.
      const double from_blank = blank_[n - 1], from_label = label_[n - 1] + skip_cost_[n - 1];
      Move move = kStay;
      double best = label_[n];
      if (from_blank > best) {
        best = from_blank;
        move = kFromNeighbour;
      }
      if (from_label > best) {
        best = from_label;
        move = kFromLabel;
      }
      moves[2 * i - 1] = move;
      label_[n] = best + frame[target_.labels[n - 1]];
    }
  }

  void trace(std::int64_t state, std::vector<CtcToken>& tokens) const {
    for (std::int64_t t = target_.time - 1; t >= 0; --t) {
      const Move move = moves_[static_cast<std::size_t>(t * (2 * labels_ + 1) + state)];
      if (state % 2 == 1) {
        const std::int64_t label = target_.labels[static_cast<std::size_t>(state / 2)];
        const auto seen = static_cast<std::size_t>(labels_ - state / 2);  // labels from this one on
        if (tokens.size() < seen) tokens.push_back({label, t, t + 1, 0.0});
        tokens.back().start = t;
        tokens.back().log_prob += target_.log_probs[t * target_.classes + label];
      }
      state -= move;
    }
    std::reverse(tokens.begin(), tokens.end());
  }

  const Target& target_;
  std::int64_t labels_;
  std::vector<double> blank_;  // [labels + 1]: the best path that ends in a blank
  std::vector<double> label_;  // [labels + 1]: ... in a label, one place further on
  std::vector<double> skip_cost_;
  std::vector<Move> moves_;  // [time, 2 labels + 1]
};

/// Frames that a target takes at least: one per label, and a blank between equal neighbours.
std::int64_t frames_needed(std::span<const std::int64_t> labels) {
  auto needed = static_cast<std::int64_t>(labels.size());
  for (std::size_t i = 1; i < labels.size(); ++i) needed += labels[i] == labels[i - 1] ? 1 : 0;
  return needed;
}

CtcAlignment align(const CtcFrames& frames, std::int64_t row, const Target& target, const RunLimits& limits) {
  check_ctc_frames(frames.label(), row, target.log_probs, target.time, target.classes);
  const std::int64_t needed = frames_needed(target.labels);
  if (needed > target.time) {
    throw_value(frames.label(), "targets",
                std::to_string(target.labels.size()) + " labels in row " + std::to_string(row) + ", which take " +
                    std::to_string(needed) + " frames",
                "labels that fit into its " + std::to_string(target.time) + " frames");
  }
  Lattice lattice(target);
  lattice.run(limits);
  std::optional<CtcAlignment> best = lattice.best();
  if (!best) {
    throw_value(frames.label(), "targets", "labels of probability zero in row " + std::to_string(row),
                "labels that the frames make possible");
  }
  return std::move(*best);
}

/// The labels of a row; they are classes, and none is the blank.
std::span<const std::int64_t> labels_of(const CtcFrames& frames, std::int64_t row, std::int64_t blank,
                                        const Tensor& targets, const Tensor& target_lengths) {
  const std::int64_t most = targets.size(1);
  const std::int64_t count = target_lengths.defined() ? target_lengths.data<std::int64_t>()[row] : most;
  if (count < 0 || count > most) {
    throw_value(frames.label(), "target_lengths", std::to_string(count) + " in row " + std::to_string(row),
                "0 to " + std::to_string(most) + " (labels in targets)");
  }
  const std::span labels(targets.data<std::int64_t>() + row * most, static_cast<std::size_t>(count));
  check_indices(frames.label(), "targets", labels, frames.classes(),
                "the " + std::to_string(frames.classes()) + " classes of log_probs");
  if (std::find(labels.begin(), labels.end(), blank) != labels.end()) {
    throw_value(frames.label(), "targets", "the blank " + std::to_string(blank) + " in row " + std::to_string(row),
                "labels other than the blank");
  }
  return labels;
}

}  // namespace

std::vector<CtcAlignment> ctc_align(const Tensor& log_probs, const Tensor& targets, const Tensor& lengths,
                                    const Tensor& target_lengths, std::int64_t blank, const RunLimits& limits) {
  const CtcFrames frames("ctc.align", log_probs, lengths, blank);
  const std::string because = "batch of log_probs " + log_probs.shape().to_string();
  check_tensor(frames.label(), "targets", targets, DType::int64, {frames.batch(), -1}, because);
  if (target_lengths.defined()) {
    check_tensor(frames.label(), "target_lengths", target_lengths, DType::int64, {frames.batch()}, because);
  }
  std::vector<CtcAlignment> result(static_cast<std::size_t>(frames.batch()));
  parallel_for(frames.batch(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const Target target{.log_probs = frames.row(row),
                          .time = frames.length(row),
                          .classes = frames.classes(),
                          .blank = blank,
                          .labels = labels_of(frames, row, blank, targets, target_lengths)};
      result[static_cast<std::size_t>(row)] = align(frames, row, target, limits);
    }
  });
  return result;
}

}  // namespace pyseq
