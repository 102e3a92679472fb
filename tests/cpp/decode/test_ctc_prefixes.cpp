// CTC as a model of the next token: every path of tiny lattices, one by one; and joint scores.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "history_model.h"
#include "pyseq/ctc.h"
#include "pyseq/step_models.h"

namespace pyseq::testing {
namespace {

constexpr std::int64_t kBlank = 2, kFrames = 4, kClasses = 5;  // kMarks are 1 and 0: they have no probability
constexpr double kNever = -std::numeric_limits<double>::infinity();

Tensor frames(std::int64_t seed) {
  Tensor result = Tensor::empty(DType::float32, {1, kFrames, kClasses});
  for (std::int64_t t = 0; t < kFrames; ++t) {
    double sum = 0;
    std::array<double, kClasses> p{};
    for (std::int64_t c = kBlank; c < kClasses; ++c) {
      sum += p[static_cast<std::size_t>(c)] = std::exp(2 * noise(seed, {}, t * kClasses + c));
    }
    for (std::int64_t c = 0; c < kClasses; ++c) {
      result.mutable_data<float>()[t * kClasses + c] =
          static_cast<float>(std::log(p[static_cast<std::size_t>(c)] / sum));
    }
  }
  return result;
}

/// The probability of every label sequence, from all paths.
std::map<Ids, double> totals(const Tensor& log_probs) {
  std::map<Ids, double> result;
  const auto count = static_cast<std::int64_t>(std::pow(kClasses, kFrames));
  for (std::int64_t number = 0; number < count; ++number) {
    Ids path;
    double log_prob = 0;
    for (std::int64_t t = 0, rest = number; t < kFrames; ++t, rest /= kClasses) {
      path.push_back(rest % kClasses);
      log_prob += log_probs.data<float>()[t * kClasses + path.back()];
    }
    if (log_prob > kNever) result[ctc_collapse(path, kBlank)] += std::exp(log_prob);
  }
  return result;
}

TEST_CASE("ctc prefixes: labels have the probability of all of their paths, and no other has any") {
  for (std::int64_t seed = 0; seed < 3; ++seed) {
    const Tensor log_probs = frames(seed);
    for (const auto& [labels, probability] : totals(log_probs)) {
      CtcPrefixStepModel model(log_probs, {}, kBlank, kMarks.end);
      CHECK(score(model, kMarks, {labels})[0].score == doctest::Approx(std::log(probability)).epsilon(1e-5));
    }
    CtcPrefixStepModel model(log_probs, {}, kBlank, kMarks.end);
    CHECK(score(model, kMarks, {{3, 3, 3}})[0].score == kNever);  // takes five frames
  }
}

TEST_CASE("ctc prefixes: a joint search finds the best of the weighted scores") {
  const Tensor log_probs = frames(7);
  DecodingOptions options;
  options.beam_size = 60;
  options.max_length = kFrames + 1;
  options.early_exit = EarlyExit::never;
  HistoryModel attention({5}, kClasses);
  CtcPrefixStepModel prefixes(log_probs, {}, kBlank, kMarks.end);
  FusedStepModel joint(attention, prefixes, 0.4, std::nullopt, 0.6);
  const Hypothesis best = search(joint, 1, kMarks, options)[0][0];
  double expected = kNever;
  Ids expected_ids;
  for (const auto& [labels, probability] : totals(log_probs)) {
    HistoryModel own({5}, kClasses);
    const double value = 0.6 * score(own, kMarks, {labels})[0].score + 0.4 * std::log(probability);
    if (value <= expected) continue;
    expected = value;
    expected_ids = labels;
  }
  CHECK(best.ids == expected_ids);
  CHECK(best.score == doctest::Approx(expected).epsilon(1e-5));
}

TEST_CASE("ctc prefixes: mistakes are named") {
  const Tensor log_probs = frames(0);
  CHECK_THROWS_AS((CtcPrefixStepModel{log_probs, {}, kBlank, kBlank}), ValueError);
  CHECK_THROWS_AS((CtcPrefixStepModel{log_probs, {}, kClasses, 0}), ValueError);
  CtcPrefixStepModel model(log_probs, {}, kBlank, kMarks.end);
  CHECK_THROWS_AS(model.step(Tensor::from<std::int64_t>({2, 1}, {1, 1}), {}), ShapeError);
  CHECK_THROWS_AS(model.step(Tensor::from<std::int64_t>({1, 1}, {kClasses}), {}), IndexError);
  const std::vector<std::int64_t> parents{1};
  CHECK_THROWS_AS(model.reorder(parents), IndexError);
}

}  // namespace
}  // namespace pyseq::testing
