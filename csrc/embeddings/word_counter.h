// Texts to numbers in one pass: words get their numbers as they appear, and are counted.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pyseq {

class WordCounter {
 public:
  static constexpr std::int32_t kSentenceEnd = -1;

  /// Appends the numbers of the words of a text; every line is a sentence. Spaces are those of Python's str.split().
  /// FormatError: not UTF-8.
  void add_text(std::string_view text, std::vector<std::int32_t>& ids);
  /// The number of one word, which may hold anything.
  std::int32_t add_word(std::string_view word);

  const std::deque<std::string>& words() const { return words_; }
  const std::vector<std::int64_t>& counts() const { return counts_; }

 private:
  std::deque<std::string> words_;  // never move: the table refers to them
  std::unordered_map<std::string_view, std::int32_t> numbers_;
  std::vector<std::int64_t> counts_;
};

}  // namespace pyseq
