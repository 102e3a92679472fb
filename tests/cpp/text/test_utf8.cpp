#include <doctest/doctest.h>

#include <string>

#include "text/utf8.h"

using namespace pyseq;

namespace {

/// The textbook encoder: the judge of the decoder.
std::string encode(char32_t c) {
  const auto byte = [](unsigned value) { return std::string(1, static_cast<char>(value)); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) return byte(0xC0 | c >> 6) + byte(0x80 | (c & 63));
  if (c < 0x10000) return byte(0xE0 | c >> 12) + byte(0x80 | (c >> 6 & 63)) + byte(0x80 | (c & 63));
  return byte(0xF0 | c >> 18) + byte(0x80 | (c >> 12 & 63)) + byte(0x80 | (c >> 6 & 63)) + byte(0x80 | (c & 63));
}

}  // namespace

TEST_CASE("every code point decodes to itself, surrogates do not") {
  std::size_t wrong = 0;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    const std::string bytes = encode(c);
    const CodePoint point = decode_code_point(bytes, 0);
    const bool is_surrogate = c >= 0xD800 && c <= 0xDFFF;
    const bool is_right = is_surrogate ? point.bytes == 0 : point.value == c && point.bytes == bytes.size();
    wrong += !is_right;
  }
  CHECK(wrong == 0);
}

TEST_CASE("ill-formed sequences are found where they stand") {
  const char* const ill_formed[] = {
      "\x80",              // a continuation byte alone
      "\xC3",              // cut after the first byte
      "\xE2\x82",          // cut after the second
      "\xF0\x9F\x98",      // cut after the third
      "\xC3(",             // no continuation byte
      "\xC0\x80",          // overlong in two bytes
      "\xE0\x80\x80",      // in three
      "\xF0\x80\x80\x80",  // in four
      "\xED\xA0\x80",      // a surrogate
      "\xF4\x90\x80\x80",  // above U+10FFFF
      "\xF8\x88\x80\x80\x80",
      "\xFF",
  };
  for (const char* bytes : ill_formed) {
    INFO(std::string(bytes));
    CHECK(find_invalid_utf8(bytes) == 0);
    CHECK(find_invalid_utf8("a\u00E9" + std::string(bytes)) == 3);
  }
  CHECK(find_invalid_utf8("") == std::nullopt);
  CHECK(find_invalid_utf8("a\u00E9\u20AC\U0001F600") == std::nullopt);
  CHECK(find_invalid_utf8(std::string("\0", 1)) == std::nullopt);
}

TEST_CASE("spaces are those at which Python splits") {
  const std::u32string spaces =
      U"\t\n\v\f\r\x1C\x1D\x1E\x1F \u0085\u00A0\u1680\u2000\u2005\u200A\u2028\u2029\u202F\u205F\u3000";
  for (const char32_t c : spaces) CHECK(is_space(c));
  const std::u32string others = U"a\x1B!\u0084\u00A1\u180E\u1FFF\u200B\u2060\uFEFF";
  for (const char32_t c : others) CHECK_FALSE(is_space(c));
  CHECK_FALSE(is_space(0));
}
