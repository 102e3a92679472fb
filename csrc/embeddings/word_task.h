// What all slices of a corpus share while word vectors are trained: options, tables, where the vectors are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "embeddings/alias_table.h"
#include "embeddings/huffman.h"

namespace pyseq {

enum class WordLoss : std::uint8_t { negative_sampling, hierarchical_softmax, softmax };
/// Which words are the context of a word: n on both sides, the last n, the one before, one of n on both sides.
enum class ContextChoice : std::uint8_t { both, left, previous, nearby };

struct WordOptions {
  bool cbow = false;  // the mean (or sum) of the context predicts the word; else every word of it does
  bool cbow_mean = true;
  WordLoss loss = WordLoss::negative_sampling;
  ContextChoice context = ContextChoice::both;
  int window = 5;
  bool dynamic_window = true;  // n is drawn from 1 ... window for every word
  int negatives = 5;
  double noise_power = 0.75;
  double subsample = 1e-3;  // 0: all words are kept
  bool deterministic = true;
  int partitions = 8;  // slices between two merges, whatever the number of threads
  int slice_tokens = 256;
  int noise_pool = 256;  // negatives of a slice are drawn from so many draws of the noise distribution
  std::uint64_t seed = 0;
};

/// The tables, row-major; input has the words' rows, then those of n-gram buckets.
struct WordTables {
  std::int64_t words, width, input_rows, output_rows;
  float* input;
  float* output;
};

/// Lists of rows: list i is rows[begins[i] .. begins[i + 1]).
struct RowLists {
  std::vector<std::int64_t> begins;
  std::vector<std::int32_t> rows;
  std::span<const std::int32_t> list(std::int32_t i) const {
    const auto at = static_cast<std::size_t>(i);
    return {rows.data() + begins[at], static_cast<std::size_t>(begins[at + 1] - begins[at])};
  }
};

class WordTask {
 public:
  /// ValueError: options or sizes that are out of range. Without subwords `subwords` is empty, else it gives every word
  /// the input rows whose mean it is.
  WordTask(const WordOptions& options, const WordTables& tables, std::vector<std::int64_t> counts, RowLists subwords);

  const WordOptions options;
  const WordTables tables;
  const RowLists subwords;
  const std::optional<AliasTable> noise;
  const std::optional<HuffmanTree> tree;
  const std::vector<float> keep_probability;  // of a word when frequent words are thinned out

  bool has_subwords() const { return !subwords.begins.empty(); }
};

}  // namespace pyseq
