// JSON from files that nobody vouches for: parsed strictly, then read field by field with errors that say where.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "text/quoting.h"

namespace pyseq {

using Json = nlohmann::json;

/// Lists and objects inside each other. The deepest honest file needs about 40 (a dimension expression of depth 32).
inline constexpr std::size_t kMaxJsonDepth = 64;

/// FormatError ("<where>: ..."): malformed, not UTF-8, nested deeper than kMaxJsonDepth, or an object with a key twice.
Json parse_json(std::string_view text, std::string_view where);

[[noreturn]] void throw_format(std::string_view where, std::string_view problem);

/// `what` names the value in the message. FormatError: not an integer of 64 bits, or outside [least, most].
std::int64_t read_integer(const Json& value, std::string_view where, std::string_view what,
                          std::int64_t least = INT64_MIN, std::int64_t most = INT64_MAX);
const std::string& read_text(const Json& value, std::string_view where, std::string_view what);
/// Sizes of a tensor: at most kMaxRank, none negative, and their product (zeros counted as ones, so that the product of
/// any part is safe too) within 63 bits.
std::vector<std::int64_t> read_sizes(const Json& value, std::string_view where, std::string_view what);

/// The fields of one JSON object. Methods throw FormatError ("<where>: ...") when a field is missing or of another
/// type.
class ObjectReader {
 public:
  ObjectReader(const Json& value, std::string where);

  const std::string& where() const { return where_; }
  /// Nothing in a file is silently ignored: FormatError names a key that is not among these.
  void allow_only(std::initializer_list<std::string_view> keys) const;

  const Json& field(std::string_view key) const;
  const Json* find(std::string_view key) const;  // null pointer when absent
  const std::string& text(std::string_view key) const;
  const std::string& name(std::string_view key) const;  // a text that is not empty
  std::int64_t integer(std::string_view key, std::int64_t least, std::int64_t most) const;
  bool flag_or(std::string_view key, bool fallback) const;
  const Json::array_t& list(std::string_view key) const;
  const Json::array_t& list_or_empty(std::string_view key) const;
  const Json::object_t& object_or_empty(std::string_view key) const;

 private:
  const Json::object_t* fields_;
  std::string where_;
};

}  // namespace pyseq
