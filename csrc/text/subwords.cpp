#include "text/subwords.h"

#include <algorithm>
#include <array>

#include "text/utf8.h"

namespace pyseq {
namespace {

// Marks that stand alone; apostrophes and hyphens belong to words. pyseq/text/subwords.py has the same list.
constexpr std::u32string_view kPunctuation = U"!\"#$%&()*+,./:;<=>?@[\\]^_`{|}~¡¿«»‹›…–—“”„、。，！？：；（）「」";

bool is_punctuation(char32_t character) {
  return kPunctuation.find(character) != std::u32string_view::npos;
}

}  // namespace

std::vector<std::string> subword_units(std::string_view word, bool splits_punctuation) {
  std::string marked(word);
  if (!word.starts_with(kWordMark)) marked.insert(0, kWordMark);
  if (!splits_punctuation) return {marked};
  std::vector<std::string> units;
  std::string unit;
  const auto finish = [&] {
    if (!unit.empty()) units.push_back(std::move(unit));
    unit.clear();
  };
  for (std::size_t offset = 0; offset < marked.size();) {
    const CodePoint point = decode_code_point(marked, offset);
    const std::string_view character(marked.data() + offset, point.bytes);
    offset += point.bytes;
    if (!is_punctuation(point.value)) {
      unit += character;
      continue;
    }
    // The word mark right before a punctuation mark goes with it.
    const bool has_mark = unit.ends_with(kWordMark);
    if (has_mark) unit.resize(unit.size() - kWordMark.size());
    finish();
    units.push_back((has_mark ? std::string(kWordMark) : std::string()) + std::string(character));
  }
  finish();
  return units;
}

std::string with_spaces(std::string_view tokens) {
  std::string text;
  text.reserve(tokens.size());
  for (std::size_t offset = 0; offset < tokens.size();) {
    if (tokens.substr(offset).starts_with(kWordMark)) {
      text += ' ';
      offset += kWordMark.size();
    } else {
      text += tokens[offset++];
    }
  }
  return text;
}

std::string subwords_as_text(std::string_view tokens) {
  std::string text = with_spaces(tokens);
  if (text.starts_with(' ')) text.erase(0, 1);
  return text;
}

}  // namespace pyseq
