// Counts how often words meet, for GloVe: exact sums, so that neither order nor threads matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace pyseq {

struct CooccurrenceOptions {
  int window = 10;
  bool symmetric = true;        // a pair of words is counted whichever comes first
  bool weighs_distance = true;  // a pair at distance d counts 1 / d
  std::int64_t memory_limit = std::int64_t{1}
                              << 30;  // bytes of all tables; beyond it, sorted runs are written to files
  std::filesystem::path folder;       // for these files
};

/// A sum of weights, in units of 1 / CooccurrenceCounter::unit().
struct PairCount {
  std::uint64_t key;  // word in the upper half, context in the lower; symmetric: the smaller one is the word
  std::uint64_t units;
};

class CooccurrenceCounter {
 public:
  /// ValueError: options out of range.
  CooccurrenceCounter(std::int64_t words, const CooccurrenceOptions& options);
  ~CooccurrenceCounter();

  /// Counts the pairs whose later word is among tokens[begin, end) (-1 ends a sentence, a number not below `words` is
  /// no word but takes a place). UnsupportedError: a run could not be written.
  void add(std::span<const std::int32_t> tokens, std::int64_t begin, std::int64_t end);

  /// Calls take(pair) for all pairs, keys ascending. Nothing can be added afterwards.
  void finish(const std::function<void(const PairCount&)>& take);

  std::int64_t unit() const { return unit_; }
  std::int64_t runs_written() const { return static_cast<std::int64_t>(files_.size()); }

 private:
  class Table;
  struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, FileCloser>;

  void count(Table& table, std::span<const std::int32_t> tokens, std::size_t begin, std::size_t end);
  void spill(Table& table);

  const std::int64_t words_;
  const CooccurrenceOptions options_;
  std::int64_t unit_ = 1;
  std::vector<std::uint64_t> weights_;  // by distance, in units
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<File> files_;
};

}  // namespace pyseq
