#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>

#include "pyseq/translator.h"
#include "reference_search.h"
#include "tiny_translator.h"

using namespace pyseq;
using namespace pyseq::testing;

namespace {

/// The model's answers without a search, batching or stepping: a new state and one run over all tokens each time.
struct Replay {
  std::shared_ptr<const Program> program;
  Ids source;

  RunResult run(const Ids& tokens) const {
    Session session(program);
    State state = session.new_state(1);
    const auto length = static_cast<std::int64_t>(source.size());
    session.run("encode",
                {{"tokens", Tensor::from<std::int64_t>({1, length}, source)},
                 {"lengths", Tensor::from<std::int64_t>({1}, {length})}},
                &state);
    Ids fed{kMarks.start};
    fed.insert(fed.end(), tokens.begin(), tokens.end());
    const auto time = static_cast<std::int64_t>(fed.size());
    RunOptions options;
    options.capture = {"attention"};
    return session.run("step", {{"tokens", Tensor::from<std::int64_t>({1, time}, fed)}}, &state, options);
  }

  ReferenceModel reference() const {
    return {[*this](const Ids& tokens) {
              const RunResult result = run(tokens);
              const auto logits = result.outputs.at("logits").values<float>().last(7);
              return std::vector<double>(logits.begin(), logits.end());
            },
            0};
  }
};

DecodingOptions beam_options(int beam_size, int n_best, double length_penalty) {
  DecodingOptions options;
  options.beam_size = beam_size;
  options.n_best = n_best;
  options.length_penalty = length_penalty;
  options.return_attention = true;
  return options;
}

bool same_bits(const Translation& a, const Translation& b) {
  return a.text == b.text && a.ids == b.ids && a.tokens == b.tokens && a.score == b.score &&
         a.token_log_probs == b.token_log_probs && a.finished == b.finished &&
         a.attention.shape() == b.attention.shape() &&
         std::memcmp(a.attention.raw(), b.attention.raw(), a.attention.num_bytes()) == 0;
}

/// Words over the source alphabet, a character that is not in it among them, of 1 to 9 characters.
std::vector<std::string> many_words(std::size_t count) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < count; ++i) {
    std::string word;
    for (std::size_t k = 0; k <= i * 7 % 9; ++k) word += "pqrsz"[(i + k * k) % 5];
    words.push_back(word);
  }
  return words;
}

}  // namespace

TEST_CASE("translator: what a slow search over whole runs of the program finds") {
  const auto program = tiny_translator_program();
  const Translator translator(program);
  for (const auto& [text, source] : {std::pair{"pq", Ids{2, 3, 1}}, {"ss?rp", Ids{5, 5, 0, 4, 2, 1}}}) {
    const ReferenceModel reference = Replay{program, source}.reference();
    for (const DecodingOptions& options : {beam_options(1, 1, 0), beam_options(4, 4, 0), beam_options(5, 3, 0.7)}) {
      DecodingOptions complete = options;
      complete.max_length = translator.default_max_length();
      const auto expected = beam_search(reference, complete);
      const auto got = translator.translate_batch({text}, options)[0];
      REQUIRE(got.size() == expected.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        CHECK(got[i].ids == expected[i].ids());
        CHECK(got[i].score == doctest::Approx(expected[i].score).epsilon(1e-4));
        CHECK(got[i].finished == expected[i].finished());
      }
    }
  }
}

TEST_CASE("translator: attention is the named head's, a row per token, without padding") {
  const auto program = tiny_translator_program();
  const auto results = Translator(program).translate_batch({"pq", "rsrsrsrs"}, beam_options(4, 4, 0.6));
  const Replay replay{program, {2, 3, 1}};
  for (const Translation& translation : results[0]) {
    const auto length = static_cast<std::int64_t>(translation.ids.size());
    REQUIRE(translation.attention.shape() == Shape{length, 3});
    const Tensor weights = replay.run(translation.ids).captures.at("attention");  // [1, heads, length + 1, 3]
    const auto second_head = weights.values<float>().subspan(3 * (length + 1), 3 * length);
    for (std::int64_t i = 0; i < 3 * length; ++i) {
      CHECK(translation.attention.data<float>()[i] == doctest::Approx(second_head[i]).epsilon(1e-5));
    }
  }
  CHECK(results[1][0].attention.size(1) == 9);
}

TEST_CASE("program step model: mean over heads, and heads that are not there") {
  const auto program = tiny_translator_program();
  Session session(program);
  const auto state = [&] {
    State fresh = session.new_state(1);
    session.run(
        "encode",
        {{"tokens", Tensor::from<std::int64_t>({1, 2}, {2, 3})}, {"lengths", Tensor::from<std::int64_t>({1}, {2})}},
        &fresh);
    return fresh;
  };
  const Tensor tokens = Tensor::from<std::int64_t>({1, 1}, {1});
  const auto attention_of = [&](int head) {
    ProgramStepModel model(session, state(), AttentionSource{"attention", head});
    model.step(tokens, {});
    return model.attention();
  };
  const Tensor first = attention_of(0), second = attention_of(1), mean = attention_of(-1);
  CHECK(mean.shape() == Shape{1, 1, 2});
  for (int i = 0; i < 2; ++i) {
    CHECK(mean.data<float>()[i] == doctest::Approx((first.data<float>()[i] + second.data<float>()[i]) / 2));
  }
  CHECK_THROWS_WITH_AS(attention_of(2), "attention: head is 2, expected -1 (mean) to 1", IndexError);
  CHECK_THROWS_AS(attention_of(-2), ValueError);
  ProgramStepModel unknown_path(session, state(), AttentionSource{"nowhere", 0});
  CHECK_THROWS_AS(unknown_path.step(tokens, {}), ValueError);
}

TEST_CASE("translator: the same bits alone and among 200 texts") {
  const Translator translator(tiny_translator_program());
  std::vector<std::string> words = many_words(200);
  words[50] = words[199] = "";
  for (const DecodingOptions& options : {beam_options(1, 1, 0), beam_options(4, 2, 0.6)}) {
    const auto together = translator.translate_batch(words, options);
    for (std::size_t i = 0; i < words.size(); i += 7) {
      CAPTURE(words[i]);
      const auto alone = translator.translate_batch({words[i]}, options)[0];
      REQUIRE(alone.size() == together[i].size());
      for (std::size_t k = 0; k < alone.size(); ++k) CHECK(same_bits(alone[k], together[i][k]));
    }
  }
}

TEST_CASE("translator: from many threads at once") {
  const Translator translator(tiny_translator_program());
  const std::vector<std::string> words = many_words(20);
  const auto expected = translator.translate_batch(words, beam_options(4, 1, 0));
  std::atomic<int> different{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < words.size(); ++i) {
        different += !same_bits(translator.translate(words[i], beam_options(4, 1, 0)), expected[i][0]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(different == 0);
}

TEST_CASE("translator: an empty text has empty translations of score 0") {
  const Translator translator(tiny_translator_program());
  const auto results = translator.translate_batch({"", "p"}, beam_options(3, 2, 0.6));
  REQUIRE(results[0].size() == 2);
  for (const Translation& translation : results[0]) {
    CHECK(translation.text.empty());
    CHECK(translation.ids.empty());
    CHECK(translation.score == 0);
  }
  CHECK(!results[1][0].token_log_probs.empty());
  CHECK(translator.translate_batch({}).empty());
}

TEST_CASE("translator: target prefixes") {
  const Translator translator(tiny_translator_program());
  const auto results = translator.translate_batch({"pq", "rs", "pq"}, beam_options(3, 3, 0), {"abc", "", "e"});
  for (const Translation& translation : results[0]) CHECK(translation.text.rfind("abc", 0) == 0);
  for (const Translation& translation : results[2]) CHECK(translation.text.rfind("e", 0) == 0);
  CHECK(same_bits(results[1][0], translator.translate_batch({"rs"}, beam_options(3, 3, 0))[0][0]));
  CHECK_THROWS_WITH_AS(translator.translate_batch({"pq"}, {}, {"a", "b"}),
                       "translate: 2 target prefixes, expected none or one per text (1)", ValueError);
}

TEST_CASE("translator: score gives a translation the score that the search gave it") {
  const Translator translator(tiny_translator_program());
  const auto translations = translator.translate_batch({"prq"}, beam_options(4, 4, 0.6))[0];
  for (const Translation& found : translations) {
    if (!found.finished) continue;
    const Translation scored = translator.score("prq", found.text, 0.6);
    CHECK(scored.score == doctest::Approx(found.score).epsilon(1e-6));
    CHECK(scored.text == found.text);
    CHECK(scored.tokens == found.tokens);
    CHECK(scored.token_log_probs.size() == found.ids.size() + 1);
  }
  CHECK_THROWS_AS(translator.score("", "ab"), ValueError);
  CHECK_THROWS_AS(translator.score("p", "xyz"), IndexError);
}

TEST_CASE("translator: limits") {
  const Translator translator(tiny_translator_program());
  DecodingOptions options;
  options.limits = RunLimits::within(std::chrono::nanoseconds(0));
  CHECK_THROWS_AS(translator.translate("pq", options), DeadlineError);
  CHECK_THROWS_AS(translator.score("pq", "a", 0.0, options.limits), DeadlineError);
}

TEST_CASE("translator: programs that are none") {
  const auto load = [](const std::string& task) { Translator translator(tiny_translator_program(task)); };
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string task = kTinyTask;
    task.replace(task.find(from), from.size(), to);
    return task;
  };
  CHECK_NOTHROW(load(kTinyTask));
  CHECK_THROWS_WITH_AS(load(R"({"kind": "tagger"})"),
                       "translator: the program's task is \"tagger\", expected \"translator\"", FormatError);
  CHECK_THROWS_WITH_AS(load("{}"), "translator: the task has no \"kind\"", FormatError);
  CHECK_THROWS_WITH_AS(load(with("\"target\"", "\"other\"")), "translator: the program has no vocabulary \"other\"",
                       FormatError);
  CHECK_THROWS_WITH_AS(load(with("\"end\": 0", "\"end\": 70")),
                       "translator: \"end\" is 70, outside its vocabulary of 7", FormatError);
  CHECK_THROWS_AS(load(with("\"end\": 0", "\"end\": \"]\"")), FormatError);
  CHECK_THROWS_AS(load(with("\"end\": 0", "\"end\": 99999999999999999999")), FormatError);
  CHECK_THROWS_AS(load(with("\"start\": 1,", "")), FormatError);
  CHECK_THROWS_AS(load(with("[1]", "[6]")), FormatError);
  CHECK_THROWS_AS(load(with("[1]", "[-1]")), FormatError);
  CHECK_THROWS_AS(load(with("[1]", "\"$\"")), FormatError);
  CHECK_THROWS_AS(load(with("\"max_length\": 12", "\"max_length\": 0")), FormatError);
  CHECK_THROWS_AS(load(with("\"head\": 1", "\"head\": -2")), FormatError);
  CHECK_THROWS_AS(load(with("{\"path\": \"attention\", \"head\": 1}", "\"attention\"")), FormatError);
  CHECK_NOTHROW(load(with("{\"path\": \"attention\", \"head\": 1}", "null")));
}
