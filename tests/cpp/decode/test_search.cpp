#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "history_model.h"
#include "pyseq/decode.h"
#include "reference_search.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

DecodingOptions beam_options(int beam_size, int n_best, double length_penalty, std::int64_t max_length) {
  DecodingOptions options;
  options.beam_size = beam_size;
  options.n_best = n_best;
  options.length_penalty = length_penalty;
  options.max_length = max_length;
  return options;
}

std::vector<Hypothesis> search_one(std::int64_t seed, std::int64_t vocabulary, const DecodingOptions& options,
                                   const Ids& prefix = {}) {
  HistoryModel model({seed}, vocabulary);
  return search(model, 1, kMarks, options, {prefix})[0];
}

double sum(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

void check_equal(const std::vector<Hypothesis>& got, const std::vector<ReferenceHypothesis>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(got[i].ids == expected[i].ids());
    CHECK(got[i].finished == expected[i].finished());
    CHECK(got[i].score == doctest::Approx(expected[i].score).epsilon(1e-5));
    CHECK(got[i].token_log_probs.size() == expected[i].tokens.size());
    CHECK(sum(got[i].token_log_probs) == doctest::Approx(expected[i].log_prob).epsilon(1e-5));
  }
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.defined() == b.defined() &&
         (!a.defined() || (a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.num_bytes()) == 0));
}

bool same_bits(const std::vector<Hypothesis>& a, const std::vector<Hypothesis>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Hypothesis& x, const Hypothesis& y) {
    return x.ids == y.ids && x.score == y.score && x.token_log_probs == y.token_log_probs && x.finished == y.finished &&
           same_bits(x.attention, y.attention);
  });
}

}  // namespace

TEST_CASE("search: a beam of one takes the likeliest token until the end mark") {
  for (std::int64_t seed = 0; seed < 30; ++seed) {
    const DecodingOptions options = beam_options(1, 1, 0.5 * (seed % 3), 12);
    check_equal(search_one(seed, 6, options), {greedy(history_reference(seed, 6), 12, options.length_penalty)});
  }
}

TEST_CASE("search: equal to a slow beam search over random models") {
  for (std::int64_t seed = 0; seed < 400; ++seed) {
    DecodingOptions options = beam_options(1 + seed % 6, 1, 0.0, 1 + seed % 9);
    options.n_best = 1 + static_cast<int>(seed / 7) % options.beam_size;
    options.length_penalty = std::vector{0.0, 0.6, 1.0, -0.5}[seed % 4];
    options.patience = std::vector{1.0, 1.0, 2.0}[seed % 3];
    options.min_length = std::min(options.max_length, seed % 5);
    const std::int64_t vocabulary = 2 + seed % 11;  // smaller than twice the beam among others
    CAPTURE(seed);
    check_equal(search_one(seed, vocabulary, options),
                beam_search(history_reference(seed, vocabulary, options.min_length), options));
  }
}

TEST_CASE("search: a beam that holds everything finds the best hypothesis of all") {
  for (std::int64_t seed = 0; seed < 20; ++seed) {
    const ReferenceModel model = history_reference(seed, 3);
    CAPTURE(seed);
    // Without a penalty what is alive can only become less likely: the search stops early and is right.
    check_equal(search_one(seed, 3, beam_options(40, 1, 0.0, 4)), {enumerate(model, 4, 0.0)[0]});
    // With one it goes on until 40 hypotheses are finished; there are 31, so the whole list is exact.
    for (const double length_penalty : {0.7, 2.0, -1.0}) {
      check_equal(search_one(seed, 3, beam_options(40, 40, length_penalty, 4)), enumerate(model, 4, length_penalty));
    }
  }
}

TEST_CASE("search: a beam of thousands, most of it never filled") {
  const std::vector<Hypothesis> all = search_one(5, 4, beam_options(5000, 5000, 1.0, 6));
  const std::vector<ReferenceHypothesis> expected = enumerate(history_reference(5, 4), 6, 1.0);
  CHECK(expected.size() == 1093);
  check_equal(all, expected);
}

TEST_CASE("search: n-best hypotheses are sorted and distinct") {
  const std::vector<Hypothesis> best = search_one(11, 9, beam_options(8, 8, 0.6, 10));
  CHECK(best.size() == 8);
  CHECK(std::is_sorted(best.begin(), best.end(), [](const auto& a, const auto& b) { return a.score > b.score; }));
  for (std::size_t i = 1; i < best.size(); ++i) CHECK(best[i].ids != best[i - 1].ids);
}

TEST_CASE("search: min_length and max_length bound every hypothesis") {
  for (std::int64_t seed = 0; seed < 20; ++seed) {
    DecodingOptions options = beam_options(4, 4, 0.6, 7);
    options.min_length = 5;
    for (const Hypothesis& hypothesis : search_one(seed, 4, options)) {
      CHECK(hypothesis.ids.size() >= 5);
      CHECK(hypothesis.ids.size() + hypothesis.finished <= 7);
      CHECK((hypothesis.finished || hypothesis.ids.size() == 7));
    }
    options.min_length = options.max_length;
    for (const Hypothesis& hypothesis : search_one(seed, 4, options)) {
      CHECK(hypothesis.ids.size() == 7);
      CHECK(!hypothesis.finished);
    }
  }
}

TEST_CASE("search: forced prefixes start the ids and count in the score") {
  const Ids prefix{3, 3, 2};
  HistoryModel model({7}, 5);
  const auto found = search(model, 1, kMarks, beam_options(4, 4, 0.6, 9), {prefix})[0];
  for (const Hypothesis& hypothesis : found) {
    REQUIRE(hypothesis.ids.size() >= prefix.size());
    CHECK(std::equal(prefix.begin(), prefix.end(), hypothesis.ids.begin()));
    Ids tokens = hypothesis.ids;
    if (hypothesis.finished) tokens.push_back(kMarks.end);
    Ids before;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      CHECK(hypothesis.token_log_probs[t] ==
            doctest::Approx(history_reference(7, 5).log_probs(before)[tokens[t]]).epsilon(1e-5));
      before.push_back(tokens[t]);
    }
    CHECK(hypothesis.score == sum(hypothesis.token_log_probs) / std::pow(tokens.size(), 0.6));
  }
}

TEST_CASE("search: a prefix as long as max_length is the whole hypothesis") {
  const auto found = search_one(3, 5, beam_options(3, 3, 0.0, 2), {4, 2});
  REQUIRE(found.size() == 1);
  CHECK(found[0].ids == Ids{4, 2});
  CHECK(!found[0].finished);
}

TEST_CASE("search: a source gives the same bits alone, in any batch and at any place in it") {
  const std::vector<std::int64_t> seeds{4, 9, 2, 7, 7, 30, 12, 5};
  const std::vector<Ids> prefixes{{}, {2}, {3, 3, 3}, {}, {5, 2}, {}, {4}, {2, 2, 2, 2}};
  for (const int beam_size : {1, 3, 8}) {
    for (const double length_penalty : {0.0, 0.8}) {
      DecodingOptions options = beam_options(beam_size, beam_size, length_penalty, 11);
      options.return_attention = true;
      HistoryModel model(seeds, 7, 4);
      const auto together = search(model, 8, kMarks, options, prefixes);
      HistoryModel mirrored_model({seeds.rbegin(), seeds.rend()}, 7, 4);
      const auto mirrored = search(mirrored_model, 8, kMarks, options, {prefixes.rbegin(), prefixes.rend()});
      for (std::size_t i = 0; i < seeds.size(); ++i) {
        HistoryModel alone_model({seeds[i]}, 7, 4);
        const auto alone = search(alone_model, 1, kMarks, options, {prefixes[i]})[0];
        CHECK(same_bits(together[i], alone));
        CHECK(same_bits(mirrored[seeds.size() - 1 - i], alone));
      }
    }
  }
}

TEST_CASE("search: sources that are done leave the batch") {
  HistoryModel model({1, 2, 3, 4, 5, 6}, 4);
  search(model, 6, kMarks, beam_options(1, 1, 0.0, 50));
  CHECK(model.rows_per_step.front() == 6);
  CHECK(model.rows_per_step.back() < 6);
  CHECK(std::is_sorted(model.rows_per_step.rbegin(), model.rows_per_step.rend()));
}

TEST_CASE("search: attention rows follow the back pointers") {
  DecodingOptions options = beam_options(5, 5, 0.6, 8);
  options.return_attention = true;
  HistoryModel model({21, 22}, 6, 3);
  const auto found = search(model, 2, kMarks, options);
  for (std::int64_t source = 0; source < 2; ++source) {
    for (const Hypothesis& hypothesis : found[source]) {
      const auto length = static_cast<std::int64_t>(hypothesis.ids.size());
      REQUIRE(hypothesis.attention.shape() == Shape{length, 3});
      Ids history{kMarks.start};
      for (std::int64_t t = 0; t < length; ++t) {
        for (std::int64_t p = 0; p < 3; ++p) {
          CHECK(hypothesis.attention.data<float>()[t * 3 + p] ==
                HistoryModel::attention_value(21 + source, history, p));
        }
        history.push_back(hypothesis.ids[t]);
      }
    }
  }
  options.return_attention = false;
  HistoryModel unasked({21}, 6, 3);
  CHECK(!search(unasked, 1, kMarks, options)[0][0].attention.defined());
}

TEST_CASE("search: equal scores go to the earlier row, then to the lower token") {
  struct Flat : HistoryModel {
    Flat() : HistoryModel({0}, 4) {}
    Tensor step(const Tensor& tokens, const RunLimits&) override {
      return Tensor::zeros(DType::float32, {tokens.size(0), 1, 4});
    }
    void reorder(std::span<const std::int64_t>) override {}
  } model;
  DecodingOptions options = beam_options(2, 2, 1.0, 2);
  options.min_length = 2;
  const auto found = search(model, 1, kMarks, options)[0];
  CHECK(found[0].ids == Ids{1, 1});
  CHECK(found[1].ids == Ids{1, 2});
}

TEST_CASE("search: no sources, no steps") {
  HistoryModel model({}, 4);
  CHECK(search(model, 0, kMarks, {}).empty());
  CHECK(model.steps == 0);
}

TEST_CASE("search: max_length 0 means 256 tokens") {
  struct Endless : HistoryModel {
    Endless() : HistoryModel({0}, 3) {}
    Tensor step(const Tensor& tokens, const RunLimits&) override {
      return Tensor::from<float>({tokens.size(0), 1, 3}, {-50, 1, 0});
    }
  } model;
  CHECK(search(model, 1, kMarks, {})[0][0].ids.size() == 256);
}
