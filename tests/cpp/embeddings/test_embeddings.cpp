#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "embeddings/alias_table.h"
#include "embeddings/cooccurrences.h"
#include "embeddings/huffman.h"
#include "embeddings/local_rows.h"
#include "embeddings/subword_ngrams.h"
#include "embeddings/word_counter.h"
#include "pyseq/error.h"

namespace pyseq {
namespace {

TEST_CASE("an alias table draws with its weights") {
  const std::vector<double> weights{1.0, 0.0, 5.0, 2.0};
  const AliasTable table(weights);
  SliceRandom random(1, 2, 3);
  std::vector<int> counts(4);
  for (int i = 0; i < 80000; ++i) ++counts[static_cast<std::size_t>(table.draw(random))];
  CHECK(counts[1] == 0);
  for (const std::size_t i : {0, 2, 3}) CHECK(counts[i] == doctest::Approx(10000 * weights[i]).epsilon(0.03));
}

TEST_CASE("frequent words are near the root of a Huffman tree") {
  const HuffmanTree tree = huffman_tree(std::vector<std::int64_t>{8, 4, 2, 1});
  std::vector<std::int64_t> lengths;
  for (std::size_t w = 0; w < 4; ++w) lengths.push_back(tree.begins[w + 1] - tree.begins[w]);
  CHECK(lengths == std::vector<std::int64_t>{1, 2, 3, 3});
  for (std::size_t w = 0; w < 4; ++w) CHECK(tree.nodes[static_cast<std::size_t>(tree.begins[w])] == 2);  // the root
  CHECK_THROWS_AS(huffman_tree(std::vector<std::int64_t>{1}), ValueError);
}

TEST_CASE("n-grams are counted in characters, without lone marks") {
  CHECK(subword_buckets("a", 1, 2, 1000).size() == 3);       // <a, a, a>
  CHECK(subword_buckets("\u00e9", 1, 2, 1000).size() == 3);  // the same with two bytes
  CHECK(subword_buckets("abc", 3, 3, 1000).size() == 3);
  CHECK(subword_buckets("abc", 6, 9, 1000).empty());
  CHECK(subword_buckets("abc", 3, 3, 0).empty());
}

TEST_CASE("a counter splits text like str.split and numbers words as they appear") {
  WordCounter counter;
  std::vector<std::int32_t> ids;
  counter.add_text("a b\u00a0a\n\n  \nc b", ids);
  CHECK(ids == std::vector<std::int32_t>{0, 1, 0, -1, 2, 1, -1});
  CHECK(counter.counts() == std::vector<std::int64_t>{2, 2, 1});
  CHECK_THROWS_AS(counter.add_text("\xff", ids), FormatError);
}

TEST_CASE("local rows are found again, also after they were cleared") {
  LocalRows rows(5, 40, true);
  for (int round = 0; round < 3; ++round) {
    rows.clear();
    for (std::int32_t i = 0; i < 40; ++i) CHECK(rows.place(1000 * i + round) == i);
    for (std::int32_t i = 0; i < 40; ++i) {
      CHECK(rows.place(1000 * i + round) == i);
      CHECK(rows.row(i) == 1000 * i + round);
    }
    CHECK(rows.size() == 40);
    CHECK(rows.values(1) - rows.values(0) == 16);
  }
}

TEST_CASE("co-occurrences are sums of one over the distance, whatever was written away") {
  const std::vector<std::int32_t> tokens{0, 1, 0, -1, 1, 1};
  std::map<std::pair<std::uint64_t, std::uint64_t>, double> found;
  CooccurrenceCounter counter(2, {.window = 2, .folder = std::filesystem::temp_directory_path()});
  counter.add(tokens, 0, static_cast<std::int64_t>(tokens.size()));
  counter.finish([&](const PairCount& pair) {
    found[{pair.key >> 32, pair.key & 0xFFFFFFFF}] =
        static_cast<double>(pair.units) / static_cast<double>(counter.unit());
  });
  CHECK(found.size() == 3);
  CHECK((found[{0, 0}]) == 0.5);
  CHECK((found[{0, 1}]) == 2.0);
  CHECK((found[{1, 1}]) == 1.0);
  CHECK_THROWS_AS(CooccurrenceCounter(2, {.window = 0, .folder = {}}), ValueError);
}

}  // namespace
}  // namespace pyseq
