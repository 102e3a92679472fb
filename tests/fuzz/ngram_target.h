// What the targets of n-gram models do with a file: read it and score sentences. Refusing is fine, anything else is a
// crash.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "pyseq/ngram.h"

namespace pyseq::fuzz {

inline constexpr const char* kSampleArpa =
    "\\data\\\nngram 1=5\nngram 2=4\nngram 3=2\n\n\\1-grams:\n-99\t<s>\t-0.5\n-1\t</s>\n-2\t<unk>\n-0.5\ta\t-0.25\n"
    "-0.75\tb\t0.125\n\n\\2-grams:\n-0.25\t<s> a\t-0.5\n-0.5\ta b\t-0.125\n-1\ta a\n-1e-2\tb </s>\n\n\\3-grams:\n"
    "-0.125\t<s> a b\n-0.25\ta b </s>\n\n\\end\\\n";

inline void score_words(const NgramModel& model) {
  std::vector<std::string> words{"a", "b", "unheard", "a", "a", "b"};
  const std::int64_t count = std::min<std::int64_t>(model.vocabulary_size(), 30);
  for (std::int64_t n = 0; n < count; ++n) words.emplace_back(model.word(static_cast<NgramModel::Word>(n)));
  model.score(words);
  std::reverse(words.begin(), words.end());
  model.score(words, false, false);
}

inline void read_ngrams(std::span<const std::byte> file) {
  try {
    score_words(*NgramModel::read(file, nullptr, "fuzz"));
  } catch (const Error&) {
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace pyseq::fuzz
