// The arrays of an n-gram model. Nodes are n-grams, those of order 1 first (node n is word n), then those of order 2
// sorted by context and last word, and so on: the n-grams that continue a node stand side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pyseq {

constexpr int kMostNgramOrders = 32;
constexpr float kUnknownLog10 = -100.0f;  // of unknown words where the model has no <unk>

/// What an ARPA file says, or views into the binary form.
struct NgramTables {
  std::string name;                           // of the file, for messages
  std::vector<std::int64_t> counts;           // nodes of each order
  std::span<const char> text;                 // the words, one after another
  std::span<const std::int64_t> ends;         // [words]: where each ends in text
  std::span<const float> log_probs;           // [nodes], log10
  std::span<const float> backoffs;            // [nodes below the highest order], log10
  std::span<const std::int32_t> words;        // [nodes above order 1]: the last word
  std::span<const std::int32_t> suffix;       // [nodes above order 1]: the longest proper suffix that is a node
  std::span<const std::int32_t> first_child;  // [nodes below the highest order + 1]; those of a node end where the
                                              // next one's begin

  std::unordered_map<std::string_view, std::int32_t> numbers;  // of words
  std::int32_t unknown = -1, sentence_begin = -1, sentence_end = -1;
  std::shared_ptr<const void> owner;  // of the arrays

  std::int64_t num_words() const { return counts[0]; }
  std::int64_t num_nodes() const { return static_cast<std::int64_t>(log_probs.size()); }
  std::int64_t num_inner() const { return static_cast<std::int64_t>(backoffs.size()); }
  std::string_view word(std::int32_t word) const;
  /// Fills `numbers` and what follows. FormatError: two equal words, one that is empty or not UTF-8.
  void index_words();
};

/// FormatError with the line that is wrong: not an ARPA file, or not a consistent one.
std::unique_ptr<NgramTables> read_arpa(std::span<const std::byte> bytes, const std::string& name);

bool is_ngram_file(std::span<const std::byte> bytes);
/// Views into the binary form. The words are checked here; numbers of nodes are checked where they are followed, so
/// that opening a large file does not read it. FormatError: arrays that are missing or do not fit.
std::unique_ptr<NgramTables> read_ngram_file(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                             const std::string& name);
std::vector<std::byte> write_ngram_file(const NgramTables& tables);

}  // namespace pyseq
