#include "text/utf8.h"

namespace pyseq {
namespace {

/// Bytes that a sequence has, by its first byte, and the smallest value that needs that many.
struct SequenceForm {
  std::size_t bytes;
  char32_t first_bits;
  char32_t smallest;
};

SequenceForm sequence_form(unsigned char lead) {
  if (lead < 0x80) return {1, lead, 0};
  if ((lead & 0xE0) == 0xC0) return {2, lead & 0x1Fu, 0x80};
  if ((lead & 0xF0) == 0xE0) return {3, lead & 0x0Fu, 0x800};
  if ((lead & 0xF8) == 0xF0) return {4, lead & 0x07u, 0x10000};
  return {0, 0, 0};
}

}  // namespace

CodePoint decode_code_point(std::string_view text, std::size_t offset) {
  const SequenceForm form = sequence_form(static_cast<unsigned char>(text[offset]));
  if (form.bytes == 0 || form.bytes > text.size() - offset) return {};
  char32_t value = form.first_bits;
  for (std::size_t i = 1; i < form.bytes; ++i) {
    const auto byte = static_cast<unsigned char>(text[offset + i]);
    if ((byte & 0xC0) != 0x80) return {};
    value = value << 6 | (byte & 0x3Fu);
  }
  const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < form.smallest || value > 0x10FFFF || is_surrogate) return {};
  return {value, form.bytes};
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t offset = 0; offset < text.size();) {
    const CodePoint point = decode_code_point(text, offset);
    if (point.bytes == 0) return offset;
    offset += point.bytes;
  }
  return std::nullopt;
}

bool is_space(char32_t c) {
  if (c <= 0x20) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace pyseq
