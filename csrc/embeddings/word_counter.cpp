#include "embeddings/word_counter.h"

#include <limits>

#include "pyseq/error.h"
#include "text/utf8.h"

namespace pyseq {

void WordCounter::add_text(std::string_view text, std::vector<std::int32_t>& ids) {
  if (const auto invalid = find_invalid_utf8(text)) {
    throw FormatError("word vectors: the text is not UTF-8 at byte " + std::to_string(*invalid));
  }
  std::size_t begin = 0, offset = 0;
  bool open = false;  // a sentence that has words
  const auto end_word = [&](std::size_t end) {
    if (end == begin) return;
    ids.push_back(add_word(text.substr(begin, end - begin)));
    open = true;
  };
  const auto end_sentence = [&] {
    if (open) ids.push_back(kSentenceEnd);
    open = false;
  };
  while (offset < text.size()) {
    const auto byte = static_cast<unsigned char>(text[offset]);
    const CodePoint point = byte < 0x80 ? CodePoint{byte, 1} : decode_code_point(text, offset);
    if (is_space(point.value)) {
      end_word(offset);
      if (point.value == U'\n') end_sentence();
      begin = offset + point.bytes;
    }
    offset += point.bytes;
  }
  end_word(text.size());
  end_sentence();
}

std::int32_t WordCounter::add_word(std::string_view word) {
  const auto found = numbers_.find(word);
  if (found != numbers_.end()) {
    ++counts_[static_cast<std::size_t>(found->second)];
    return found->second;
  }
  if (words_.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw UnsupportedError("word vectors: more than 2^31 - 1 different words");
  }
  const auto number = static_cast<std::int32_t>(words_.size());
  words_.emplace_back(word);
  numbers_.emplace(words_.back(), number);
  counts_.push_back(1);
  return number;
}

}  // namespace pyseq
