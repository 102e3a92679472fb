#include "io/json_reader.h"

#include <algorithm>
#include <utility>

#include "pyseq/error.h"
#include "pyseq/tensor.h"
#include "text/utf8.h"

namespace pyseq {
namespace {

/// "[json.exception.parse_error.101] parse error at ..." without the bracket. It may quote a token of any length.
std::string parser_message(const Json::exception& error) {
  const std::string_view message = error.what();
  const std::size_t bracket = message.find("] ");
  return shortened(bracket == std::string_view::npos ? message : message.substr(bracket + 2), 300);
}

/// Builds the document from the parser's events. The library's own builder takes time quadratic in a hostile text as
/// soon as it is given a callback, and without one it knows neither a depth limit nor that keys are unique.
class DocumentBuilder : public nlohmann::json_sax<Json> {
 public:
  explicit DocumentBuilder(std::string_view where) : where_(where) {}

  Json take_document() { return std::move(document_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { throw_format(where_, "malformed JSON: binary value"); }

  bool start_object(std::size_t) override { return open(Json::value_t::object); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::value_t::array); }
  bool end_array() override { return close(); }

  bool key(std::string& key) override {
    const auto [entry, is_new] = open_.back()->get_ref<Json::object_t&>().try_emplace(key);
    if (!is_new) throw_format(where_, "key " + in_quotes(key) + " stands twice in one object");
    entry_ = &entry->second;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    throw_format(where_, "malformed JSON: " + parser_message(error));
  }

 private:
  /// Where the next value belongs: the document itself, the end of a list, or the entry of the key just read.
  Json& next_place() {
    if (open_.empty()) return document_;
    if (open_.back()->is_array()) return open_.back()->get_ref<Json::array_t&>().emplace_back();
    return *entry_;
  }

  bool add(Json value) {
    next_place() = std::move(value);
    return true;
  }

  bool open(Json::value_t type) {
    if (open_.size() == kMaxJsonDepth) {
      throw_format(where_, "JSON is nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    }
    Json& place = next_place();
    place = type;
    open_.push_back(&place);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view where_;
  Json document_;
  std::vector<Json*> open_;  // objects and lists; each the last value of the one before, so that none moves
  Json* entry_ = nullptr;
};

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

Json parse_json(std::string_view text, std::string_view where) {
  if (const auto offset = find_invalid_utf8(text)) {
    throw_format(where, "not UTF-8 (byte " + std::to_string(*offset) + ")");
  }
  // The parser takes a NUL byte for the end of the text and skips a byte order mark; strict JSON has neither.
  if (text.find('\0') != std::string_view::npos) throw_format(where, "JSON contains a NUL byte");
  if (text.starts_with("\xEF\xBB\xBF")) throw_format(where, "JSON starts with a byte order mark");
  DocumentBuilder builder(where);
  Json::sax_parse(text, &builder);
  return builder.take_document();
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
