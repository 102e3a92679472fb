// UTF-8, read strictly: overlong forms, surrogates, values above U+10FFFF and cut sequences are errors.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace pyseq {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // 0: what stands here is not UTF-8
};

/// The code point that starts at text[offset]; offset < text.size().
CodePoint decode_code_point(std::string_view text, std::size_t offset);

/// Where the text stops being UTF-8; nothing when all of it is.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// What separates words: the characters at which Python's str.split() splits, so that a vocabulary counted in Python
/// reads the same words in C++.
bool is_space(char32_t character);

}  // namespace pyseq
