// Sets of characters as sequences of bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "decode/constraints/regex_syntax.h"

namespace pyseq {

struct ByteRange {
  std::uint8_t first, last;
};

/// Byte sequences whose every byte has a range of its own: together they are the UTF-8 texts of the characters.
std::vector<std::vector<ByteRange>> utf8_sequences(CodePointRange range);

}  // namespace pyseq
