#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "decode/ctc/frames.h"
#include "decode/ctc/log_space.h"
#include "decode/log_probs.h"
#include "pyseq/step_models.h"

namespace pyseq {
namespace {

constexpr const char* kLabel = "ctc_prefixes";

/// ln Σ exp of terms that are gathered one by one.
class LogSum {
 public:
  void add(double term) {
    if (term == kImpossible) return;
    if (term > most_) {
      sum_ = sum_ * std::exp(most_ - term) + 1;
      most_ = term;
    } else {
      sum_ += std::exp(term - most_);
    }
  }
  double value() const { return sum_ > 0 ? most_ + std::log(sum_) : kImpossible; }

 private:
  double most_ = kImpossible, sum_ = 0;
};

}  // namespace

CtcPrefixStepModel::CtcPrefixStepModel(Tensor log_probs, const Tensor& lengths, std::int64_t blank, std::int64_t end)
    : log_probs_(std::move(log_probs)), blank_(blank), end_(end) {
  const CtcFrames frames(kLabel, log_probs_, lengths, blank);
  if (end < 0 || end >= frames.classes() || end == blank) {
    throw ValueError(std::string(kLabel) + ": end is " + std::to_string(end) + ", expected a class of " +
                     std::to_string(frames.classes()) + " that is not the blank");
  }
  for (std::int64_t source = 0; source < frames.batch(); ++source) {
    check_ctc_frames(kLabel, source, frames.row(source), frames.length(source), frames.classes());
    lengths_.push_back(frames.length(source));
    rows_.push_back(empty_prefix(source));
  }
}

const float* CtcPrefixStepModel::frame(const Prefix& prefix, std::int64_t time) const {
  return log_probs_.data<float>() + (prefix.source * log_probs_.size(1) + time) * log_probs_.size(2);
}

CtcPrefixStepModel::Prefix CtcPrefixStepModel::empty_prefix(std::int64_t source) const {
  Prefix result;
  result.source = source;
  const auto time = static_cast<std::size_t>(length(result));
  result.label.assign(time, kImpossible);
  result.blank.resize(time);
  double total = 0;
  for (std::size_t t = 0; t < time; ++t) {
    total += frame(result, static_cast<std::int64_t>(t))[blank_];
    result.blank[t] = total;
  }
  return result;
}

// ln p(the frames before this one show g, and `token` may begin in it): after its last label the same needs a blank.
double CtcPrefixStepModel::reach(const Prefix& prefix, std::int64_t token, std::int64_t frame) const {
  if (frame == 0) return prefix.last < 0 ? 0.0 : kImpossible;
  const auto before = static_cast<std::size_t>(frame - 1);
  if (token == prefix.last) return prefix.blank[before];
  return log_add(prefix.blank[before], prefix.label[before]);
}

void CtcPrefixStepModel::extend(Prefix& prefix, std::int64_t token) const {
  const std::int64_t time = length(prefix);
  const bool is_label = token != blank_ && token != end_;
  std::vector<double> label(static_cast<std::size_t>(time)), blank(static_cast<std::size_t>(time));
  LogSum total;
  double label_before = kImpossible, blank_before = kImpossible;
  for (std::int64_t t = 0; t < time; ++t) {
    const float* x = frame(prefix, t);
    const double begins = is_label ? reach(prefix, token, t) : kImpossible;
    total.add(begins + x[token]);
    const double label_now = log_add(label_before, begins) + x[token];
    const double blank_now = log_add(label_before, blank_before) + x[blank_];
    label[static_cast<std::size_t>(t)] = label_before = label_now;
    blank[static_cast<std::size_t>(t)] = blank_before = blank_now;
  }
  prefix.label = std::move(label);
  prefix.blank = std::move(blank);
  prefix.log_prob = total.value();
  prefix.last = token;
}

void CtcPrefixStepModel::predict(const Prefix& prefix, float* log_probs) const {
  const std::int64_t time = length(prefix), classes = log_probs_.size(2);
  std::vector<LogSum> sums(static_cast<std::size_t>(classes));
  for (std::int64_t t = 0; t < time; ++t) {
    const float* x = frame(prefix, t);
    const double begins = reach(prefix, -1, t);
    for (std::int64_t c = 0; c < classes; ++c) {
      sums[static_cast<std::size_t>(c)].add((c == prefix.last ? reach(prefix, c, t) : begins) + x[c]);
    }
  }
  for (std::int64_t c = 0; c < classes; ++c) {
    log_probs[c] = static_cast<float>(sums[static_cast<std::size_t>(c)].value() - prefix.log_prob);
  }
  constexpr auto kNone = -std::numeric_limits<float>::infinity();
  log_probs[blank_] = kNone;
  double whole = prefix.last < 0 ? 0.0 : kImpossible;  // without frames
  if (time > 0) whole = log_add(prefix.label.back(), prefix.blank.back());
  log_probs[end_] = static_cast<float>(whole - prefix.log_prob);
  if (prefix.log_prob > kImpossible && has_finite_maximum(log_probs, classes)) return;
  std::fill_n(log_probs, classes, kNone);  // the frames cannot show it: it can only end
  log_probs[end_] = 0;
}

Tensor CtcPrefixStepModel::step(const Tensor& tokens, const RunLimits& limits) {
  const std::int64_t rows = tokens.size(0), time = tokens.size(1), classes = log_probs_.size(2);
  if (rows != static_cast<std::int64_t>(rows_.size())) {
    throw ShapeError(std::string(kLabel) + ": tokens have shape " + tokens.shape().to_string() + ", expected " +
                     std::to_string(rows_.size()) + " rows");
  }
  Tensor result = Tensor::empty(DType::float32, {rows, time, classes});
  for (std::int64_t row = 0; row < rows; ++row) {
    Prefix& prefix = rows_[static_cast<std::size_t>(row)];
    for (std::int64_t place = row * time; place < (row + 1) * time; ++place) {
      limits.check();
      const std::int64_t token = tokens.data<std::int64_t>()[place];
      if (token < 0 || token >= classes) {
        throw IndexError(std::string(kLabel) + ": token " + std::to_string(token) + " of row " + std::to_string(row) +
                         " is no class, expected 0 to " + std::to_string(classes - 1));
      }
      if (std::exchange(prefix.has_started, true)) extend(prefix, token);
      predict(prefix, result.mutable_data<float>() + place * classes);
    }
  }
  return result;
}

void CtcPrefixStepModel::reorder(std::span<const std::int64_t> parents) {
  std::vector<Prefix> next;
  next.reserve(parents.size());
  for (const std::int64_t parent : parents) {
    if (parent < 0 || parent >= static_cast<std::int64_t>(rows_.size())) {
      throw IndexError(std::string(kLabel) + ": parent " + std::to_string(parent) + ", expected a row of " +
                       std::to_string(rows_.size()));
    }
    next.push_back(rows_[static_cast<std::size_t>(parent)]);
  }
  rows_ = std::move(next);
}

}  // namespace pyseq
