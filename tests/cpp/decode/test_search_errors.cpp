#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "history_model.h"
#include "pyseq/decode.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

/// A model that answers whatever it is told to.
struct Answering : StepModel {
  explicit Answering(std::function<Tensor(const Tensor&)> answer) : answer(std::move(answer)) {}
  Tensor step(const Tensor& tokens, const RunLimits&) override { return answer(tokens); }
  void reorder(std::span<const std::int64_t>) override {}
  Tensor attention() const override { return attention_answer; }

  std::function<Tensor(const Tensor&)> answer;
  Tensor attention_answer;
};

void search_with(Tensor logits, const DecodingOptions& options = {}) {
  Answering model([&](const Tensor&) { return logits; });
  search(model, 1, kMarks, options);
}

void search_with(const DecodingOptions& options, const std::vector<Ids>& prefixes = {}) {
  HistoryModel model({1}, 5);
  search(model, 1, kMarks, options, prefixes);
}

}  // namespace

TEST_CASE("search: options are checked with a sentence each") {
  const auto with = [](auto set) {
    DecodingOptions options;
    set(options);
    return options;
  };
  CHECK_THROWS_WITH_AS(search_with(with([](auto& o) { o.beam_size = 0; })),
                       "decoding options: beam_size is 0, expected at least 1", ValueError);
  CHECK_THROWS_WITH_AS(search_with(with([](auto& o) { o.n_best = 2; })),
                       "decoding options: n_best is 2, expected 1 to beam_size (1)", ValueError);
  CHECK_THROWS_WITH_AS(search_with(with([](auto& o) { o.beam_size = o.n_best = 4, o.patience = 0.5; })),
                       "decoding options: n_best is 4, expected at most beam_size * patience (2)", ValueError);
  CHECK_THROWS_AS(search_with(with([](auto& o) { o.patience = 0; })), ValueError);
  CHECK_THROWS_AS(search_with(with([](auto& o) { o.length_penalty = NAN; })), ValueError);
  CHECK_THROWS_AS(search_with(with([](auto& o) { o.max_length = -1; })), ValueError);
  CHECK_THROWS_AS(search_with(with([](auto& o) { o.min_length = -1; })), ValueError);
  CHECK_THROWS_WITH_AS(search_with(with([](auto& o) { o.min_length = 4, o.max_length = 3; })),
                       "decoding options: min_length is 4, expected at most max_length (3)", ValueError);
  CHECK_THROWS_AS(search_with(Tensor::zeros(DType::float32, {1, 1, 1}), with([](auto& o) { o.min_length = 1; })),
                  ValueError);
}

TEST_CASE("search: prefixes are checked") {
  DecodingOptions options;
  options.max_length = 3;
  CHECK_THROWS_WITH_AS(search_with(options, {{2}, {3}}), "search: 2 prefixes, expected none or one per source (1)",
                       ValueError);
  CHECK_THROWS_WITH_AS(search_with(options, {{2, 2, 2, 2}}), "search: prefix 0 has 4 tokens, more than max_length (3)",
                       ValueError);
  CHECK_THROWS_WITH_AS(search_with(options, {{2, 0}}), "search: prefix 0 contains the end mark (0)", ValueError);
  CHECK_THROWS_WITH_AS(search_with(options, {{2, 9}}),
                       "search: prefix 0 has token 9, outside the model's vocabulary of 5", IndexError);
  CHECK_THROWS_AS(search_with(options, {{-1}}), IndexError);
  const float never = -std::numeric_limits<float>::infinity();
  Answering model([&](const Tensor&) { return Tensor::from<float>({1, 1, 3}, {0, 0, never}); });
  CHECK_THROWS_AS(search(model, 1, kMarks, options, {{2}}), ValueError);
}

TEST_CASE("search: marks outside the vocabulary") {
  HistoryModel model({1}, 5);
  CHECK_THROWS_WITH_AS(search(model, 1, {.start = 1, .end = 5}, {}),
                       "search: the end mark is 5, outside the model's vocabulary of 5", ValueError);
  CHECK_THROWS_AS(search(model, -1, kMarks, {}), ValueError);
}

TEST_CASE("search: logits of the wrong shape or type") {
  CHECK_THROWS_WITH_AS(search_with(Tensor::zeros(DType::float32, {1, 7})),
                       "search: the model's logits have shape [1, 7], expected [1, 1, vocabulary]", ShapeError);
  CHECK_THROWS_AS(search_with(Tensor::zeros(DType::float32, {2, 1, 7})), ShapeError);
  CHECK_THROWS_AS(search_with(Tensor::zeros(DType::float32, {1, 2, 7})), ShapeError);
  CHECK_THROWS_AS(search_with(Tensor::zeros(DType::float32, {1, 1, 0})), ShapeError);
  CHECK_THROWS_AS(search_with(Tensor()), ShapeError);
  CHECK_THROWS_WITH_AS(search_with(Tensor::zeros(DType::int64, {1, 1, 7})),
                       "search: the model's logits are int64, expected float32", DTypeError);
  int steps = 0;
  Answering growing([&](const Tensor&) {
    Tensor logits = Tensor::zeros(DType::float32, {1, 1, 4 + steps++});
    logits.mutable_data<float>()[2] = 1;
    return logits;
  });
  CHECK_THROWS_WITH_AS(search(growing, 1, kMarks, {}),
                       "search: the model's logits have shape [1, 1, 5], expected [1, 1, 4]", ShapeError);
}

TEST_CASE("search: attention of the wrong shape") {
  Answering model([](const Tensor& tokens) { return Tensor::zeros(DType::float32, {tokens.size(0), 1, 4}); });
  model.attention_answer = Tensor::zeros(DType::float32, {2, 1, 3});
  DecodingOptions options;
  options.return_attention = true;
  CHECK_THROWS_AS(search(model, 1, kMarks, options), ShapeError);
  model.attention_answer = Tensor::zeros(DType::float32, {1, 3});
  CHECK_THROWS_AS(search(model, 1, kMarks, options), ShapeError);
  model.attention_answer = Tensor::zeros(DType::int64, {1, 1, 3});
  CHECK_THROWS_AS(search(model, 1, kMarks, options), DTypeError);
}

TEST_CASE("search: logits that are no distribution") {
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH_AS(search_with(Tensor::from<float>({1, 1, 3}, {0, NAN, 1})),
                       "search: source 0, target position 0: the model gave NaN", Error);
  CHECK_THROWS_AS(search_with(Tensor::from<float>({1, 1, 3}, {0, infinity, 1})), Error);
  CHECK_THROWS_AS(search_with(Tensor::from<float>({1, 1, 2}, {-infinity, -infinity})), Error);
}

TEST_CASE("search: tokens of probability zero are never taken") {
  const float never = -std::numeric_limits<float>::infinity();
  Answering model([&](const Tensor& tokens) {
    Tensor logits = Tensor::empty(DType::float32, {tokens.size(0), 1, 4});
    for (std::int64_t row = 0; row < tokens.size(0); ++row) {
      const float answer[] = {0, never, 1, never};
      std::copy_n(answer, 4, logits.mutable_data<float>() + row * 4);
    }
    return logits;
  });
  DecodingOptions options;
  options.beam_size = options.n_best = 4;
  options.max_length = 3;
  const auto found = search(model, 1, kMarks, options)[0];
  CHECK(found.size() == 4);  // "", "2", "22" and "222", the last one cut
  for (const Hypothesis& hypothesis : found) CHECK(hypothesis.ids == Ids(hypothesis.ids.size(), 2));
}

TEST_CASE("search: limits are looked at in every step") {
  DecodingOptions options;
  CancelToken cancel;
  options.limits.cancel = &cancel;
  int steps = 0;
  Answering model([&](const Tensor&) {
    if (++steps == 3) cancel.cancel();
    return Tensor::from<float>({1, 1, 3}, {-9, 0, 1});
  });
  CHECK_THROWS_AS(search(model, 1, kMarks, options), CancelledError);
  CHECK(steps == 3);
  options.limits = RunLimits::within(std::chrono::nanoseconds(0));
  CHECK_THROWS_AS(search_with(options), DeadlineError);
}

TEST_CASE("search: what a model throws reaches the caller") {
  Answering model([](const Tensor&) -> Tensor { throw UnsupportedError("not today"); });
  CHECK_THROWS_WITH_AS(search(model, 1, kMarks, {}), "not today", UnsupportedError);
}
