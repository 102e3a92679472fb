// A model whose answers depend on everything a row has read, so that a wrong reorder changes every later logit.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "pyseq/decode.h"

namespace pyseq::testing {

using Ids = std::vector<std::int64_t>;

inline constexpr Marks kMarks{.start = 1, .end = 0};

/// Pseudo-random in [-1, 1), a function of the arguments alone.
inline double noise(std::int64_t seed, std::span<const std::int64_t> history, std::int64_t item) {
  std::uint64_t state = 0x9E3779B97F4A7C15u ^ static_cast<std::uint64_t>(seed);
  const auto mix = [&state](std::int64_t value) {
    state = (state + static_cast<std::uint64_t>(value) + 1) * 0xBF58476D1CE4E5B9u;
    state = (state ^ (state >> 29)) * 0x94D049BB133111EBu;
    state ^= state >> 32;
  };
  for (const std::int64_t token : history) mix(token);
  mix(-7 - item);
  return static_cast<double>(state >> 11) / static_cast<double>(std::uint64_t{1} << 52) - 1.0;
}

class HistoryModel : public StepModel {
 public:
  /// One row per seed; equal seeds behave alike wherever they stand in the batch.
  HistoryModel(std::vector<std::int64_t> seeds, std::int64_t vocabulary, std::int64_t positions = 0)
      : vocabulary_(vocabulary), positions_(positions) {
    for (const std::int64_t seed : seeds) rows_.push_back({seed, {}});
  }

  Tensor step(const Tensor& tokens, const RunLimits&) override {
    const std::int64_t rows = tokens.size(0), time = tokens.size(1);
    ++steps;
    rows_per_step.push_back(rows);
    Tensor logits = Tensor::empty(DType::float32, {rows, time, vocabulary_});
    if (positions_ > 0) attention_ = Tensor::empty(DType::float32, {rows, time, positions_});
    for (std::int64_t r = 0; r < rows; ++r) {
      Row& row = rows_.at(static_cast<std::size_t>(r));
      for (std::int64_t t = 0; t < time; ++t) {
        row.history.push_back(tokens.data<std::int64_t>()[r * time + t]);
        const std::int64_t at = r * time + t;
        for (std::int64_t v = 0; v < vocabulary_; ++v) {
          logits.mutable_data<float>()[at * vocabulary_ + v] = logit(row.seed, row.history, v);
        }
        for (std::int64_t p = 0; p < positions_; ++p) {
          attention_.mutable_data<float>()[at * positions_ + p] = attention_value(row.seed, row.history, p);
        }
      }
    }
    return logits;
  }

  void reorder(std::span<const std::int64_t> parents) override {
    std::vector<Row> next;
    for (const std::int64_t parent : parents) next.push_back(rows_.at(static_cast<std::size_t>(parent)));
    rows_ = std::move(next);
  }

  Tensor attention() const override { return attention_; }

  /// What the model answers for `token` after `history` (the start mark first).
  static float logit(std::int64_t seed, std::span<const std::int64_t> history, std::int64_t token) {
    return static_cast<float>(3.0 * noise(seed, history, token));
  }
  static float attention_value(std::int64_t seed, std::span<const std::int64_t> history, std::int64_t position) {
    return static_cast<float>(noise(seed + 1000, history, position));
  }

  int steps = 0;
  std::vector<std::int64_t> rows_per_step;

 private:
  struct Row {
    std::int64_t seed;
    Ids history;
  };
  std::vector<Row> rows_;
  std::int64_t vocabulary_;
  std::int64_t positions_;
  Tensor attention_;
};

}  // namespace pyseq::testing
