#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "history_model.h"
#include "pyseq/decode.h"
#include "reference_search.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

void check_log_probs(const Hypothesis& scored, std::int64_t seed, std::int64_t vocabulary, const Ids& tokens) {
  REQUIRE(scored.token_log_probs.size() == tokens.size());
  Ids before;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const double expected = history_reference(seed, vocabulary).log_probs(before)[tokens[t]];
    CHECK(scored.token_log_probs[t] == doctest::Approx(expected).epsilon(1e-5));
    before.push_back(tokens[t]);
  }
}

}  // namespace

TEST_CASE("score: log probabilities of ragged targets, longer than a block among them") {
  Ids very_long(100);
  for (std::size_t i = 0; i < very_long.size(); ++i) very_long[i] = 1 + static_cast<std::int64_t>(i * i % 5);
  const std::vector<std::int64_t> seeds{3, 4, 5, 6, 7};
  const std::vector<Ids> targets{{2, 3}, {}, very_long, {5, 5, 5, 4}, Ids(32, 2)};
  for (const bool with_end : {true, false}) {
    HistoryModel model(seeds, 6);
    const std::vector<Hypothesis> scored = score(model, kMarks, targets, 0.6, with_end);
    REQUIRE(scored.size() == targets.size());
    for (std::size_t i = 0; i < targets.size(); ++i) {
      CAPTURE(i);
      Ids tokens = targets[i];
      if (with_end) tokens.push_back(kMarks.end);
      CHECK(scored[i].ids == targets[i]);
      CHECK(scored[i].finished == with_end);
      check_log_probs(scored[i], seeds[i], 6, tokens);
      const double total = std::accumulate(scored[i].token_log_probs.begin(), scored[i].token_log_probs.end(), 0.0);
      CHECK(scored[i].score == (tokens.empty() ? 0 : total / std::pow(tokens.size(), 0.6)));
      HistoryModel alone({seeds[i]}, 6);
      CHECK(score(alone, kMarks, {targets[i]}, 0.6, with_end)[0].token_log_probs == scored[i].token_log_probs);
    }
  }
}

TEST_CASE("score: a hypothesis of the search has the score that the search gave it") {
  DecodingOptions options;
  options.beam_size = options.n_best = 4;
  options.length_penalty = 0.8;
  options.max_length = 9;
  HistoryModel model({17}, 7);
  const std::vector<Hypothesis> found = search(model, 1, kMarks, options)[0];
  for (const Hypothesis& hypothesis : found) {
    HistoryModel again({17}, 7);
    const Hypothesis scored = score(again, kMarks, {hypothesis.ids}, 0.8, hypothesis.finished)[0];
    CHECK(scored.token_log_probs == hypothesis.token_log_probs);
    CHECK(scored.score == hypothesis.score);
  }
}

TEST_CASE("score: a target that is impossible has log probability minus infinity") {
  struct Strict : HistoryModel {
    Strict() : HistoryModel({0}, 3) {}
    Tensor step(const Tensor& tokens, const RunLimits&) override {
      Tensor logits = Tensor::zeros(DType::float32, {1, tokens.size(1), 3});
      for (std::int64_t t = 0; t < tokens.size(1); ++t) logits.mutable_data<float>()[3 * t + 2] = -INFINITY;
      return logits;
    }
  } model;
  const Hypothesis scored = score(model, kMarks, {{1, 2}})[0];
  CHECK(scored.token_log_probs[0] == doctest::Approx(std::log(0.5)));
  CHECK(scored.token_log_probs[1] == -INFINITY);
  CHECK(scored.score == -INFINITY);
}

TEST_CASE("score: errors") {
  HistoryModel model({1}, 5);
  CHECK_THROWS_WITH_AS(score(model, kMarks, {{2, 9}}),
                       "score: target 0, position 1: token 9 is outside the model's vocabulary of 5", IndexError);
  CHECK_THROWS_AS(score(model, kMarks, {{2}}, NAN), ValueError);
  HistoryModel limited({1}, 5);
  CHECK_THROWS_AS(score(limited, kMarks, {{2}}, 0.0, true, RunLimits::within(std::chrono::nanoseconds(0))),
                  DeadlineError);
  struct Short : HistoryModel {
    Short() : HistoryModel({0}, 3) {}
    Tensor step(const Tensor&, const RunLimits&) override { return Tensor::zeros(DType::float32, {1, 1, 3}); }
  } one_position;
  CHECK_THROWS_WITH_AS(score(one_position, kMarks, {{1, 1}}),
                       "score: the model's logits have shape [1, 1, 3], expected [1, 3, vocabulary]", ShapeError);
  HistoryModel none({}, 5);
  CHECK(score(none, kMarks, {}).empty());
}
