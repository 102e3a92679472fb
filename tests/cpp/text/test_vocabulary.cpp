#include "pyseq/vocabulary.h"

#include <doctest/doctest.h>

#include <limits>

using namespace pyseq;

namespace {

using Ids = std::vector<std::int64_t>;
using Units = std::vector<std::string>;

const Vocabulary kCharacters({"<unk>", "a", "\u00E9", "\U0001F600"}, TextUnit::character, 0);
const Vocabulary kWords({"the", "cat", "<unk>"}, TextUnit::word, 2);

}  // namespace

TEST_CASE("characters are code points") {
  CHECK(kCharacters.split("a\u00E9\U0001F600 z") == Units{"a", "\u00E9", "\U0001F600", " ", "z"});
  CHECK(kCharacters.encode("a\u00E9\U0001F600 z") == Ids{1, 2, 3, 0, 0});
  CHECK(kCharacters.encode("").empty());
  CHECK(kCharacters.decode(Ids{1, 3, 2, 1}) == "a\U0001F600\u00E9a");
}

TEST_CASE("words are runs of non-space") {
  CHECK(kWords.split(" the\tcat \u00A0sat\u3000\n") == Units{"the", "cat", "sat"});
  CHECK(kWords.split(" \n\u2003").empty());
  CHECK(kWords.encode("cat the dog") == Ids{1, 0, 2});
  CHECK(kWords.decode(Ids{0, 1}) == "the cat");
  CHECK(kWords.decode(Ids{}) == "");
}

TEST_CASE("every token of a large vocabulary is found, and no other") {
  Units tokens;
  for (int id = 0; id < 5000; ++id) tokens.push_back("t" + std::to_string(id));
  const Vocabulary vocabulary(tokens, TextUnit::word, std::nullopt);
  const Vocabulary copy = vocabulary;
  std::int64_t wrong = 0;
  for (std::int64_t id = 0; id < 5000; ++id) {
    wrong += vocabulary.find("t" + std::to_string(id)) != id || copy.find("t" + std::to_string(id)) != id;
    wrong += vocabulary.find("t" + std::to_string(id + 5000)).has_value();
  }
  CHECK(wrong == 0);
  CHECK(Vocabulary({}, TextUnit::word, std::nullopt).find("") == std::nullopt);
  tokens[4000] = "t7";
  CHECK_THROWS_WITH_AS(Vocabulary(tokens, TextUnit::word, std::nullopt), "vocabulary: tokens 7 and 4000 are both 't7'",
                       ValueError);
}

TEST_CASE("tokens and ids") {
  CHECK(kWords.size() == 3);
  CHECK(kWords.token(1) == "cat");
  CHECK(kWords.find("cat") == 1);
  CHECK(kWords.find("dog") == std::nullopt);
  CHECK(kWords.unknown() == 2);
  CHECK(kCharacters.unit() == TextUnit::character);
  CHECK_THROWS_AS(kWords.token(3), IndexError);
  CHECK_THROWS_AS(kWords.token(-1), IndexError);
  CHECK_THROWS_AS(kWords.decode(Ids{0, 3}), IndexError);
}

TEST_CASE("without an unknown token, a missing one is an error that names it") {
  const Vocabulary strict({"a"}, TextUnit::character, std::nullopt);
  CHECK(strict.encode("aa") == Ids{0, 0});
  CHECK_THROWS_WITH_AS(strict.encode("ab"), "vocabulary: 'b' is not in it, and it has no unknown token", IndexError);
}

TEST_CASE("text that is not UTF-8 is refused") {
  CHECK_THROWS_WITH_AS(kCharacters.encode("a\xFF"), "vocabulary: the text is not UTF-8 (byte 1)", ValueError);
  CHECK_THROWS_AS(kWords.split("the \xC3"), ValueError);
}

TEST_CASE("impossible vocabularies are refused") {
  CHECK_THROWS_WITH_AS(Vocabulary({"a", "b", "a"}, TextUnit::word, std::nullopt),
                       "vocabulary: tokens 0 and 2 are both 'a'", ValueError);
  CHECK_THROWS_AS(Vocabulary({"a"}, TextUnit::word, 1), ValueError);
  CHECK_THROWS_AS(Vocabulary({"a"}, TextUnit::word, -1), ValueError);
  CHECK_THROWS_AS(Vocabulary({"\xFF"}, TextUnit::word, std::nullopt), ValueError);
  CHECK(Vocabulary({}, TextUnit::word, std::nullopt).size() == 0);
}

TEST_CASE("subwords are merged, the best merge first and of equal ones the leftmost") {
  // ids:            0        1          2    3    4    5     6      7          8
  const Units tokens{"<unk>", "\u2581", "a", "b", "c", "ab", "abc", "\u2581a", "aa"};
  const Vocabulary vocabulary(tokens, 0, {.merges = {{2, 3}, {5, 4}, {1, 2}, {2, 2}}});
  CHECK(vocabulary.unit() == TextUnit::subword);
  CHECK(vocabulary.encode("abc a") == Ids{1, 6, 7});
  CHECK(vocabulary.encode("aaaa") == Ids{7, 8, 2});
  CHECK(vocabulary.encode("zzab z") == Ids{1, 0, 5, 1, 0});
  CHECK(vocabulary.encode(" \n").empty());
  CHECK(vocabulary.decode(Ids{1, 6, 7}) == "abc a");
  CHECK_THROWS_AS(vocabulary.encode("a\xFF"), ValueError);
}

TEST_CASE("subwords of a unigram model have the largest sum of scores") {
  constexpr double kMark = -std::numeric_limits<double>::infinity();
  const Units tokens{"<unk>", "\u2581", "a", "b", "ab", "\u2581a"};
  const Vocabulary vocabulary(tokens, 0, {.scores = {kMark, -1, -2, -2, -3.5, -1.5}});
  CHECK(vocabulary.encode("ab") == Ids{5, 3});  // -3.5 against -4.5 of "\u2581", "ab"
  CHECK(vocabulary.encode("bab") == Ids{1, 3, 4});
  CHECK(vocabulary.encode("azz") == Ids{5, 0});
  CHECK(vocabulary.encode("<unk>") == Ids{1, 0});
}

TEST_CASE("punctuation marks stand alone when they are told to") {
  const Vocabulary vocabulary({"\u2581ah", ",", "\u2581?", "<unk>"}, 3, {.splits_punctuation = true});
  CHECK(vocabulary.split("ah, l'eau ?!") == Units{"\u2581ah", ",", "\u2581l'eau", "\u2581?", "!"});
  CHECK(vocabulary.encode("ah, l'eau ?!") == Ids{0, 1, 3, 2, 3});
  CHECK(vocabulary.decode(Ids{0, 1, 0, 2}) == "ah, ah ?");
}

TEST_CASE("impossible subwords are refused") {
  CHECK_THROWS_AS(Vocabulary({"a"}, std::nullopt, {.merges = {{0, 1}}}), ValueError);
  CHECK_THROWS_AS(Vocabulary({"a"}, std::nullopt, {.merges = {{0, 0}}}), ValueError);
  CHECK_THROWS_AS(Vocabulary({"a"}, std::nullopt, {.scores = {-1, -2}}), ValueError);
  CHECK_THROWS_WITH_AS(Vocabulary({"a"}, std::nullopt, {}).encode("b"),
                       "vocabulary: '\u2581b' is not in it, and it has no unknown token", IndexError);
}
