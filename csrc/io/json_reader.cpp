#include "io/json_reader.h"

#include <algorithm>
#include <set>
#include <utility>

#include "pyseq/error.h"
#include "pyseq/tensor.h"
#include "text/utf8.h"

namespace pyseq {
namespace {

/// Watches the parser at work: stops it at too deep a nesting, and at the second use of a key in an object.
class StructureGuard {
 public:
  explicit StructureGuard(std::string_view where) : where_(where) {}

  bool operator()(int, Json::parse_event_t event, Json& parsed) {
    switch (event) {
      case Json::parse_event_t::object_start:
      case Json::parse_event_t::array_start:
        if (keys_.size() == kMaxJsonDepth) {
          throw_format(where_, "JSON is nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
        }
        keys_.emplace_back();
        break;
      case Json::parse_event_t::object_end:
      case Json::parse_event_t::array_end:
        keys_.pop_back();
        break;
      case Json::parse_event_t::key:
        if (!keys_.back().insert(parsed.get<std::string>()).second) {
          throw_format(where_,
                       "key " + in_quotes(parsed.get_ref<const std::string&>()) + " stands twice in one object");
        }
        break;
      case Json::parse_event_t::value:
        break;
    }
    return true;
  }

 private:
  std::string_view where_;
  std::vector<std::set<std::string>> keys_;  // of the open objects; empty sets for lists
};

/// The text, or its first code points and dots when it is longer than `longest` bytes.
std::string shortened(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return std::string(text);
  std::size_t end = 0;
  while (true) {
    const std::size_t bytes = std::max<std::size_t>(decode_code_point(text, end).bytes, 1);
    if (end + bytes > longest) return std::string(text.substr(0, end)) + "...";
    end += bytes;
  }
}

/// "[json.exception.parse_error.101] parse error at ..." without the bracket. It may quote a token of any length.
std::string parser_message(const Json::exception& error) {
  const std::string_view message = error.what();
  const std::size_t bracket = message.find("] ");
  return shortened(bracket == std::string_view::npos ? message : message.substr(bracket + 2), 300);
}

const char* type_of(const Json& value) {
  return value.is_array() ? "list" : value.type_name();
}

[[noreturn]] void throw_type(std::string_view where, std::string_view what, const Json& value,
                             std::string_view expected) {
  throw_format(where, std::string(what) + " is of type " + type_of(value) + ", expected " + std::string(expected));
}

}  // namespace

void throw_format(std::string_view where, std::string_view problem) {
  throw FormatError(std::string(where) + ": " + std::string(problem));
}

std::string in_quotes(std::string_view name) {
  return "'" + shortened(name, 100) + "'";
}

Json parse_json(std::string_view text, std::string_view where) {
  if (const auto offset = find_invalid_utf8(text)) {
    throw_format(where, "not UTF-8 (byte " + std::to_string(*offset) + ")");
  }
  // The parser takes a NUL byte for the end of the text and skips a byte order mark; strict JSON has neither.
  if (text.find('\0') != std::string_view::npos) throw_format(where, "JSON contains a NUL byte");
  if (text.starts_with("\xEF\xBB\xBF")) throw_format(where, "JSON starts with a byte order mark");
  try {
    return Json::parse(text, StructureGuard(where));
  } catch (const Json::exception& error) {
    throw_format(where, "malformed JSON: " + parser_message(error));
  }
}

std::int64_t read_integer(const Json& value, std::string_view where, std::string_view what, std::int64_t least,
                          std::int64_t most) {
  if (!value.is_number_integer()) throw_type(where, what, value, "an integer of 64 bits");
  const bool fits = !value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX;
  if (!fits || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most) {
    throw_format(where, std::string(what) + " is " + value.dump() + ", expected an integer from " +
                            std::to_string(least) + " to " + std::to_string(most));
  }
  return value.get<std::int64_t>();
}

const std::string& read_text(const Json& value, std::string_view where, std::string_view what) {
  if (!value.is_string()) throw_type(where, what, value, "a text");
  return value.get_ref<const std::string&>();
}

std::vector<std::int64_t> read_sizes(const Json& value, std::string_view where, std::string_view what) {
  if (!value.is_array()) throw_type(where, what, value, "a list of sizes");
  if (value.size() > static_cast<std::size_t>(kMaxRank)) {
    throw_format(where, std::string(what) + " has rank " + std::to_string(value.size()) + ", expected at most " +
                            std::to_string(kMaxRank));
  }
  std::vector<std::int64_t> sizes;
  std::int64_t product = 1;
  for (const Json& size : value) {
    sizes.push_back(read_integer(size, where, std::string(what) + " has a size that", 0));
    if (__builtin_mul_overflow(product, std::max<std::int64_t>(sizes.back(), 1), &product)) {
      throw_format(where, std::string(what) + " overflows: more than 2^63 elements");
    }
  }
  return sizes;
}

ObjectReader::ObjectReader(const Json& value, std::string where) : where_(std::move(where)) {
  if (!value.is_object()) throw_type(where_, "JSON", value, "an object");
  fields_ = value.get_ptr<const Json::object_t*>();
}

void ObjectReader::allow_only(std::initializer_list<std::string_view> keys) const {
  for (const auto& [key, value] : *fields_) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) throw_format(where_, "unknown key " + in_quotes(key));
  }
}

const Json* ObjectReader::find(std::string_view key) const {
  const auto found = fields_->find(key);
  return found == fields_->end() ? nullptr : &found->second;
}

const Json& ObjectReader::field(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) throw_format(where_, in_quotes(key) + " is missing");
  return *value;
}

const std::string& ObjectReader::text(std::string_view key) const {
  return read_text(field(key), where_, in_quotes(key));
}

const std::string& ObjectReader::name(std::string_view key) const {
  const std::string& value = text(key);
  if (value.empty()) throw_format(where_, in_quotes(key) + " is empty");
  return value;
}

std::int64_t ObjectReader::integer(std::string_view key, std::int64_t least, std::int64_t most) const {
  return read_integer(field(key), where_, in_quotes(key), least, most);
}

bool ObjectReader::flag_or(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) throw_type(where_, in_quotes(key), *value, "true or false");
  return value->get<bool>();
}

const Json::array_t& ObjectReader::list(std::string_view key) const {
  const Json& value = field(key);
  if (!value.is_array()) throw_type(where_, in_quotes(key), value, "a list");
  return value.get_ref<const Json::array_t&>();
}

const Json::array_t& ObjectReader::list_or_empty(std::string_view key) const {
  static const Json::array_t empty;
  return find(key) == nullptr ? empty : list(key);
}

const Json::object_t& ObjectReader::object_or_empty(std::string_view key) const {
  static const Json::object_t empty;
  const Json* value = find(key);
  if (value == nullptr) return empty;
  if (!value->is_object()) throw_type(where_, in_quotes(key), *value, "an object");
  return value->get_ref<const Json::object_t&>();
}

}  // namespace pyseq
