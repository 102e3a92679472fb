// N-gram language models with back-off, read from ARPA files or from a binary form that is mapped.
//
//     log10 p(w | context) = the longest n-gram (context', w) of the model, context' a suffix of the context,
//                            plus the back-off weights of the longer suffixes
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/error.h"

namespace pyseq {

struct NgramTables;

/// Immutable, usable from many threads at once.
class NgramModel {
 public:
  using Word = std::int32_t;
  /// What the next word depends on: the longest suffix of the words so far that the model knows.
  using State = std::int32_t;
  static constexpr State kEmpty = -1;   // no word
  static constexpr Word kUnknown = -1;  // a word that is not in the vocabulary, where that has no <unk>

  struct Step {
    float log10_prob;
    State state;
    int order;  // words of the n-gram that was found, 0 for a word that is not in the vocabulary
  };

  /// Opens an ARPA file or the binary form, which it tells apart. FormatError: neither, or damaged.
  static std::shared_ptr<const NgramModel> load(const std::filesystem::path& file);
  /// The same from memory; `owner` keeps the bytes alive, `name` stands in messages.
  static std::shared_ptr<const NgramModel> read(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                                const std::string& name);
  ~NgramModel();

  /// Writes the binary form (a safetensors file), which load() maps: parts are read when they are needed.
  void save(const std::filesystem::path& file) const;
  std::vector<std::byte> to_bytes() const;

  int order() const;
  std::vector<std::int64_t> counts() const;  // n-grams of each order
  std::int64_t vocabulary_size() const;
  std::string_view word(Word word) const;  // IndexError: outside of the vocabulary
  /// The number of a word; that of <unk>, or kUnknown, for one that is not in the vocabulary.
  Word find(std::string_view word) const;
  bool contains(std::string_view word) const;

  /// After <s>.
  State begin() const;
  Step step(State state, Word word) const;
  /// log10 p(</s> | state); 0 for a model without </s>.
  float end(State state) const;
  /// log10 probabilities of the words of a sentence, after <s> when `begin` says so, and with that of </s> behind them
  /// when `end` does.
  std::vector<Step> score(std::span<const std::string> words, bool begin = true, bool end = true) const;

 private:
  explicit NgramModel(std::unique_ptr<const NgramTables> tables);
  std::unique_ptr<const NgramTables> tables_;
};

}  // namespace pyseq
