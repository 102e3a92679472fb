// CTC from C++: greedy, alignment, prefix beam search with knowledge, streams. The oracles are in Python
// (tests/test_ctc_*.py).
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "pyseq/ctc.h"
#include "pyseq/ctc_decoder.h"

namespace pyseq {
namespace {

/// Log-probabilities [time, classes] of probabilities.
Tensor frames(std::int64_t classes, std::vector<float> probabilities) {
  for (float& value : probabilities) value = std::log(value);
  const auto time = static_cast<std::int64_t>(probabilities.size()) / classes;
  return Tensor::from<float>({time, classes}, std::span<const float>(probabilities));
}

Tensor batch_of_one(const Tensor& one) {
  return one.reshaped({1, one.size(0), one.size(1)});
}

const CtcVocabulary kLetters{{"_", "a", "b", " "}, 0, 3};

constexpr const char* kArpa =
    "\\data\\\nngram 1=5\nngram 2=1\n\\1-grams:\n-9 <s> -1\n-1 </s>\n-2 <unk>\n-1 ab -0.5\n-3 b\n\\2-grams:\n"
    "-0.5 ab ab\n\\end\\\n";

std::shared_ptr<const NgramModel> model() {
  const std::string text = kArpa;
  return NgramModel::read(std::as_bytes(std::span(text)), nullptr, "test");
}

TEST_CASE("paths collapse, and the best one is found") {
  const std::vector<std::int64_t> path{0, 1, 1, 0, 1, 2};
  CHECK(ctc_collapse(path) == std::vector<std::int64_t>{1, 1, 2});
  const Tensor one = batch_of_one(frames(3, {.1f, .8f, .1f, .2f, .2f, .6f, .2f, .2f, .6f}));
  const CtcAlignment greedy = ctc_greedy(one).front();
  REQUIRE(greedy.tokens.size() == 2);
  CHECK(greedy.tokens[1].token == 2);
  CHECK(greedy.tokens[1].start == 1);
  CHECK(greedy.tokens[1].end == 3);
  CHECK(greedy.tokens[1].confidence() == doctest::Approx(0.6));
}

TEST_CASE("an alignment shows its target") {
  const Tensor one = batch_of_one(frames(3, {.1f, .8f, .1f, .2f, .2f, .6f, .2f, .2f, .6f}));
  const CtcAlignment aligned = ctc_align(one, Tensor::from<std::int64_t>({1, 2}, {2, 2})).front();
  REQUIRE(aligned.tokens.size() == 2);
  CHECK(aligned.tokens[0].end == 1);
  CHECK(aligned.tokens[1].start == 2);
  CHECK(aligned.log_prob == doctest::Approx(std::log(.1 * .2 * .6)));
  CHECK_THROWS_AS(ctc_align(one, Tensor::from<std::int64_t>({1, 3}, {2, 2, 1})), ValueError);
}

TEST_CASE("a search sums over paths") {
  CtcOptions options;
  options.n_best = 2;
  const CtcDecoder decoder({{"_", "a"}, 0, -1}, options);
  const auto found = decoder.decode(frames(2, {.6f, .4f, .6f, .4f}));
  REQUIRE(found.size() == 2);
  CHECK(found[0].text == "a");
  CHECK(found[0].log_prob == doctest::Approx(std::log(.64)));
  CHECK(found[1].log_prob == doctest::Approx(std::log(.36)));
}

TEST_CASE("a language model and a lexicon decide between words") {
  CtcKnowledge knowledge;
  knowledge.language_model = model();
  for (const char* const word : {"ab", "b"}) knowledge.lexicon.push_back({word, *kLetters.spell(word)});
  CtcOptions options;
  options.alpha = 1;
  options.beta = 4;
  const CtcDecoder decoder(kLetters, options, knowledge);
  const auto found = decoder.decode(frames(4, {.2f, .3f, .4f, .1f, .1f, .1f, .7f, .1f, .3f, .1f, .1f, .5f}));
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].text == "ab");
  CHECK(found[0].words[0].end == 2);
  // <s> ab </s>, each by back-off
  CHECK(found[0].language_log_prob == doctest::Approx(std::log(10.0) * (-1 - 1 - 0.5 - 1)));
  CHECK_FALSE(kLetters.spell("abc").has_value());
}

TEST_CASE("a stream gives what one call gives") {
  CtcKnowledge knowledge;
  knowledge.language_model = model();
  const CtcDecoder decoder(kLetters, {}, knowledge);
  const Tensor all = frames(4, {.2f, .3f, .4f, .1f, .1f, .1f, .7f, .1f, .3f, .1f, .1f, .5f, .1f, .2f, .6f, .1f});
  const CtcHypothesis whole = decoder.decode(all).front();
  CtcStream stream = decoder.stream();
  for (int round = 0; round < 2; ++round) {
    for (std::int64_t frame = 0; frame < all.size(0); ++frame) stream.feed(all.rows(frame, 1));
    const CtcHypothesis pieces = stream.hypotheses().front();
    CHECK(pieces.text == whole.text);
    CHECK(pieces.score == whole.score);
    CHECK(stream.frames() == 4);
    stream.reset();
  }
}

TEST_CASE("the binary form of an n-gram model has its scores") {
  const auto read = model();
  const std::vector<std::byte> bytes = read->to_bytes();
  const auto again = NgramModel::read(bytes, nullptr, "binary");
  const std::vector<std::string> words{"ab", "ab", "unheard", "b"};
  const auto expected = read->score(words), found = again->score(words);
  REQUIRE(found.size() == 5);
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i].log10_prob == expected[i].log10_prob);
  CHECK(expected[1].log10_prob == doctest::Approx(-0.5));
  CHECK(expected[2].order == 0);
}

TEST_CASE("models that are cut short are refused") {
  const std::string text = kArpa;
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    const auto bytes = std::as_bytes(std::span(text)).first(size);
    CHECK_THROWS_AS(NgramModel::read(bytes, nullptr, "cut"), FormatError);
  }
  const std::vector<std::byte> binary = model()->to_bytes();
  for (std::size_t size = 9; size < binary.size(); size += 7) {
    CHECK_THROWS_AS(NgramModel::read(std::span(binary).first(size), nullptr, "cut"), FormatError);
  }
}

}  // namespace
}  // namespace pyseq
