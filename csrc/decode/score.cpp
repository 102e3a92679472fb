// Log probabilities of given targets. The model reads a block of every target per step (teacher forcing), so that its
// products have many rows while the logits of long targets never exist all at once.
#include <algorithm>
#include <cmath>
#include <string>

#include "decode/log_probs.h"
#include "pyseq/decode.h"

namespace pyseq {
namespace {

constexpr std::int64_t kPositionsPerStep = 32;

using Targets = std::vector<std::vector<std::int64_t>>;

// What the model should predict, position by position, and what it is fed for that: the same one position later.
std::vector<std::int64_t> predictions(const std::vector<std::int64_t>& target, const Marks& marks, bool with_end) {
  std::vector<std::int64_t> result = target;
  if (with_end) result.push_back(marks.end);
  return result;
}

class Scorer {
 public:
  Scorer(StepModel& model, const Marks& marks, const Targets& targets, bool with_end, const RunLimits& limits)
      : model_(model), marks_(marks), limits_(limits), log_probs_(targets.size()) {
    for (const auto& target : targets) {
      expected_.push_back(predictions(target, marks, with_end));
      rows_.push_back(static_cast<std::int64_t>(rows_.size()));
    }
  }

  /// One log probability per expected token of every target.
  std::vector<std::vector<float>> run() {
    for (std::int64_t position = 0; keep_unfinished(position); position += kPositionsPerStep) {
      limits_.check();
      step(position);
    }
    return std::move(log_probs_);
  }

 private:
  std::int64_t length(std::int64_t row) const { return static_cast<std::int64_t>(expected_[rows_[row]].size()); }
  std::int64_t num_rows() const { return static_cast<std::int64_t>(rows_.size()); }

  // Drops the rows whose targets end before `position`; false when none is left.
  bool keep_unfinished(std::int64_t position) {
    std::vector<std::int64_t> parents, kept;
    for (std::int64_t row = 0; row < num_rows(); ++row) {
      if (length(row) <= position) continue;
      parents.push_back(row);
      kept.push_back(rows_[row]);
    }
    if (!kept.empty() && kept.size() < rows_.size()) model_.reorder(parents);
    rows_ = std::move(kept);
    return !rows_.empty();
  }

  // Positions [begin, begin + kPositionsPerStep), or fewer where the longest target ends.
  void step(std::int64_t begin) {
    std::int64_t end = 0;
    for (std::int64_t row = 0; row < num_rows(); ++row) end = std::max(end, length(row));
    end = std::min(end, begin + kPositionsPerStep);

    const Tensor logits = model_.step(inputs(begin, end), limits_);
    vocabulary_ = check_logits("score", logits, num_rows(), end - begin, vocabulary_);
    buffer_.resize(static_cast<std::size_t>(vocabulary_));
    const float* position_logits = logits.data<float>();
    for (std::int64_t row = 0; row < num_rows(); ++row) {
      for (std::int64_t t = begin; t < end; ++t, position_logits += vocabulary_) {
        if (t < length(row)) read(rows_[row], t, position_logits);
      }
    }
  }

  // [rows, end - begin]: the start mark, then the targets; after a target's end anything will do, nobody reads on.
  Tensor inputs(std::int64_t begin, std::int64_t end) const {
    Tensor tokens = Tensor::empty(DType::int64, {num_rows(), end - begin});
    std::int64_t* out = tokens.mutable_data<std::int64_t>();
    for (std::int64_t row = 0; row < num_rows(); ++row) {
      for (std::int64_t t = begin; t < end; ++t) {
        const bool inside = t > 0 && t < length(row);
        *out++ = inside ? expected_[rows_[row]][t - 1] : marks_.start;
      }
    }
    return tokens;
  }

  void read(std::int64_t target, std::int64_t position, const float* logits) {
    const std::string where = "score: target " + std::to_string(target) + ", position " + std::to_string(position);
    const std::int64_t token = expected_[target][position];
    if (token < 0 || token >= vocabulary_) {
      throw IndexError(where + ": token " + std::to_string(token) + " is outside the model's vocabulary of " +
                       std::to_string(vocabulary_));
    }
    if (!log_softmax_row(logits, vocabulary_, buffer_.data())) reject_logits(where, logits, vocabulary_);
    log_probs_[target].push_back(model_.gives_scores() ? logits[token] : buffer_[token]);
  }

  StepModel& model_;
  const Marks marks_;
  const RunLimits limits_;
  Targets expected_;
  std::vector<std::int64_t> rows_;  // row of the model -> target
  std::vector<std::vector<float>> log_probs_;
  std::vector<float> buffer_;  // [vocabulary]
  std::int64_t vocabulary_ = 0;
};

double total_score(const std::vector<float>& log_probs, double length_penalty) {
  if (log_probs.empty()) return 0;
  double total = 0;
  for (const float log_prob : log_probs) total += log_prob;
  return total / std::pow(static_cast<double>(log_probs.size()), length_penalty);
}

}  // namespace

std::vector<Hypothesis> score(StepModel& model, const Marks& marks, const Targets& targets, double length_penalty,
                              bool with_end, const RunLimits& limits) {
  if (!std::isfinite(length_penalty)) {
    throw ValueError("score: length_penalty is " + std::to_string(length_penalty) + ", expected a finite number");
  }
  std::vector<std::vector<float>> log_probs = Scorer(model, marks, targets, with_end, limits).run();
  std::vector<Hypothesis> results(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    results[i].ids = targets[i];
    results[i].score = total_score(log_probs[i], length_penalty);
    results[i].token_log_probs = std::move(log_probs[i]);
    results[i].finished = with_end;
  }
  return results;
}

}  // namespace pyseq
