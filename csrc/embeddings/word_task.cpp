#include "embeddings/word_task.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "pyseq/error.h"

namespace pyseq {
namespace {

void check_at_least(const char* name, std::int64_t value, std::int64_t least) {
  if (value < least) {
    throw ValueError("word vectors: " + std::string(name) + " is " + std::to_string(value) + ", expected at least " +
                     std::to_string(least));
  }
}

const WordOptions& checked(const WordOptions& options) {
  check_at_least("window", options.window, 1);
  check_at_least("negatives", options.negatives, 1);
  check_at_least("partitions", options.partitions, 1);
  check_at_least("slice_tokens", options.slice_tokens, 2);
  check_at_least("noise_pool", options.noise_pool, 1);
  if (!(options.subsample >= 0.0)) {
    throw ValueError("word vectors: subsample is " + std::to_string(options.subsample) + ", expected at least 0");
  }
  return options;
}

std::optional<AliasTable> make_noise(const WordOptions& options, std::span<const std::int64_t> counts) {
  if (options.loss != WordLoss::negative_sampling) return std::nullopt;
  std::vector<double> weights;
  for (const std::int64_t count : counts) weights.push_back(std::pow(static_cast<double>(count), options.noise_power));
  return AliasTable(weights);
}

/// Mikolov's implementation: √(t / f) + t / f, where f is the word's share of the corpus.
std::vector<float> keep_probabilities(double subsample, std::span<const std::int64_t> counts) {
  std::vector<float> result(counts.size(), 1.0F);
  if (subsample == 0.0) return result;
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  for (std::size_t word = 0; word < counts.size(); ++word) {
    const double ratio = subsample * total / static_cast<double>(counts[word]);
    result[word] = static_cast<float>(std::min(1.0, std::sqrt(ratio) + ratio));
  }
  return result;
}

}  // namespace

WordTask::WordTask(const WordOptions& given, const WordTables& where, std::vector<std::int64_t> counts, RowLists lists)
    : options(checked(given)),
      tables(where),
      subwords(std::move(lists)),
      noise(make_noise(options, counts)),
      tree(options.loss == WordLoss::hierarchical_softmax ? std::optional(huffman_tree(counts)) : std::nullopt),
      keep_probability(keep_probabilities(options.subsample, counts)) {
  check_at_least("vocabulary", tables.words, 2);
  const auto words = static_cast<std::int64_t>(counts.size());
  if (words != tables.words || tables.input_rows < words || tables.output_rows < words - 1 || tables.width < 1) {
    throw ShapeError("word vectors: " + std::to_string(words) + " counts, input [" + std::to_string(tables.input_rows) +
                     ", " + std::to_string(tables.width) + "], output [" + std::to_string(tables.output_rows) +
                     ", ...], expected a row per word");
  }
  for (const std::int64_t count : counts) check_at_least("a word's count", count, 1);
}

}  // namespace pyseq
