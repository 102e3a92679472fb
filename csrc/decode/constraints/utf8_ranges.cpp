#include "decode/constraints/utf8_ranges.h"

#include <algorithm>
#include <array>

namespace pyseq {
namespace {

constexpr std::array<std::uint32_t, 4> kLastOfLength = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};

std::vector<std::uint8_t> encode(std::uint32_t point, std::size_t length) {
  if (length == 1) return {static_cast<std::uint8_t>(point)};
  std::vector<std::uint8_t> bytes(length);
  for (std::size_t i = length - 1; i > 0; --i, point >>= 6) bytes[i] = static_cast<std::uint8_t>(0x80 | (point & 0x3F));
  constexpr std::array<std::uint32_t, 5> kLead = {0, 0, 0xC0, 0xE0, 0xF0};
  bytes[0] = static_cast<std::uint8_t>(kLead[length] | point);
  return bytes;
}

/// Characters of one length. Cut where the bytes behind the first one do not run through all of their values.
void add(std::uint32_t first, std::uint32_t last, std::size_t length, std::vector<std::vector<ByteRange>>& result) {
  for (std::size_t behind = 1; behind < length; ++behind) {
    const std::uint32_t mask = (1u << (6 * behind)) - 1;
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      add(first, first | mask, length, result);
      add((first | mask) + 1, last, length, result);
      return;
    }
    if ((last & mask) != mask) {
      add(first, (last & ~mask) - 1, length, result);
      add(last & ~mask, last, length, result);
      return;
    }
  }
  const std::vector<std::uint8_t> low = encode(first, length), high = encode(last, length);
  std::vector<ByteRange> sequence;
  for (std::size_t i = 0; i < length; ++i) sequence.push_back({low[i], high[i]});
  result.push_back(std::move(sequence));
}

}  // namespace

std::vector<std::vector<ByteRange>> utf8_sequences(CodePointRange range) {
  std::vector<std::vector<ByteRange>> result;
  std::uint32_t first = range.first;
  for (std::size_t length = 1; length <= 4; ++length) {
    const std::uint32_t last = std::min(range.last, kLastOfLength[length - 1]);
    if (first > last) continue;
    add(first, last, length, result);
    first = last + 1;
  }
  return result;
}

}  // namespace pyseq
