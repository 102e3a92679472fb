#include "decode/translator_task.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace pyseq {
namespace {

using Json = nlohmann::json;

[[noreturn]] void reject(const std::string& problem) {
  throw FormatError("translator: " + problem);
}

const Json& field(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) reject("the task has no \"" + std::string(name) + "\"");
  return *found;
}

std::string text(const Json& object, const char* name) {
  const Json& value = field(object, name);
  if (!value.is_string()) reject("\"" + std::string(name) + "\" is " + value.dump() + ", expected a string");
  return value.get<std::string>();
}

std::int64_t as_integer(const Json& value, const char* name, std::int64_t lowest) {
  const bool fits =
      value.is_number_integer() &&
      (!value.is_number_unsigned() ||
       value.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()));
  if (!fits || value.get<std::int64_t>() < lowest) {
    reject("\"" + std::string(name) + "\" is " + value.dump() + ", expected an integer of at least " +
           std::to_string(lowest));
  }
  return value.get<std::int64_t>();
}

std::int64_t integer(const Json& object, const char* name, std::int64_t lowest) {
  return as_integer(field(object, name), name, lowest);
}

std::vector<std::int64_t> ids(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (!found->is_array()) reject("\"" + std::string(name) + "\" is " + found->dump() + ", expected a list of ids");
  std::vector<std::int64_t> result;
  for (const Json& id : *found) result.push_back(as_integer(id, name, 0));
  return result;
}

std::optional<AttentionSource> attention(const Json& task) {
  const auto found = task.find("attention");
  if (found == task.end() || found->is_null()) return std::nullopt;
  if (!found->is_object()) reject("\"attention\" is " + found->dump() + ", expected an object or null");
  return AttentionSource{text(*found, "path"), static_cast<int>(integer(*found, "head", -1))};
}

}  // namespace

TranslatorTask parse_translator_task(const std::string& json) {
  const Json task = Json::parse(json, nullptr, false);
  if (!task.is_object()) reject("the task is not a JSON object");
  const std::string kind = text(task, "kind");
  if (kind != "translator") reject("the program's task is \"" + kind + "\", expected \"translator\"");

  TranslatorTask result;
  result.source_vocabulary = text(task, "source_vocabulary");
  result.target_vocabulary = text(task, "target_vocabulary");
  result.source_suffix = ids(task, "source_suffix");
  result.marks = {integer(task, "start", 0), integer(task, "end", 0)};
  result.max_length = integer(task, "max_length", 1);
  result.attention = attention(task);
  return result;
}

}  // namespace pyseq
