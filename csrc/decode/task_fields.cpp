#include "decode/task_fields.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace pyseq {

using Json = nlohmann::json;

TaskFields::TaskFields(const std::string& json, std::string kind)
    : task_(std::make_unique<Json>(Json::parse(json, nullptr, false))), kind_(std::move(kind)) {
  if (!task_->is_object()) reject("the task is not a JSON object");
  const std::string found = text("kind");
  if (found != kind_) reject("the program's task is \"" + found + "\", expected \"" + kind_ + "\"");
}

TaskFields::~TaskFields() = default;

void TaskFields::reject(const std::string& problem) const {
  throw FormatError(kind_ + ": " + problem);
}

const Json* TaskFields::find(const char* name) const {
  const auto found = task_->find(name);
  return found == task_->end() ? nullptr : &*found;
}

std::string TaskFields::as_text(const Json& value, const char* name) const {
  if (!value.is_string()) reject("\"" + std::string(name) + "\" is " + value.dump() + ", expected a string");
  return value.get<std::string>();
}

std::int64_t TaskFields::as_integer(const Json& value, const char* name, std::int64_t lowest) const {
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

std::string TaskFields::text(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) reject("the task has no \"" + std::string(name) + "\"");
  return as_text(*value, name);
}

std::int64_t TaskFields::integer(const char* name, std::int64_t lowest) const {
  const Json* value = find(name);
  if (value == nullptr) reject("the task has no \"" + std::string(name) + "\"");
  return as_integer(*value, name, lowest);
}

std::optional<std::int64_t> TaskFields::optional_integer(const char* name, std::int64_t lowest) const {
  const Json* value = find(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return as_integer(*value, name, lowest);
}

std::vector<std::int64_t> TaskFields::ids(const char* name) const {
  const Json* value = find(name);
  if (value == nullptr) return {};
  if (!value->is_array()) reject("\"" + std::string(name) + "\" is " + value->dump() + ", expected a list of ids");
  std::vector<std::int64_t> result;
  for (const Json& id : *value) result.push_back(as_integer(id, name, 0));
  return result;
}

std::vector<std::string> TaskFields::texts(const char* name) const {
  const Json* found = find(name);
  const std::string quoted = "\"" + std::string(name) + "\"";
  if (found == nullptr) reject("the task has no " + quoted);
  if (!found->is_array() || found->empty()) reject(quoted + " is " + found->dump() + ", expected a list of texts");
  std::vector<std::string> result;
  for (const Json& one : *found) result.push_back(as_text(one, name));
  return result;
}

std::shared_ptr<const Vocabulary> require_vocabulary(const Program& program, const std::string& kind,
                                                     const std::string& name) {
  const std::vector<std::string> names = program.vocabulary_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw FormatError(kind + ": the program has no vocabulary \"" + name + "\"");
  }
  return program.vocabulary(name);
}

void require_id(std::int64_t id, const char* field, const std::string& kind, const Vocabulary& vocabulary) {
  if (id < vocabulary.size()) return;
  throw FormatError(kind + ": \"" + std::string(field) + "\" is " + std::to_string(id) +
                    ", outside its vocabulary of " + std::to_string(vocabulary.size()));
}

void require_function(const Program& program, const std::string& kind, const std::string& name) {
  if (program.has_function(name)) return;
  throw FormatError(kind + ": the program has no function \"" + name + "\"");
}

}  // namespace pyseq
