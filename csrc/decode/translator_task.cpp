#include "decode/translator_task.h"

#include <nlohmann/json.hpp>

#include "decode/task_fields.h"

namespace pyseq {
namespace {

std::optional<AttentionSource> attention(const TaskFields& task) {
  const nlohmann::json* found = task.find("attention");
  if (found == nullptr || found->is_null()) return std::nullopt;
  if (!found->is_object()) task.reject("\"attention\" is " + found->dump() + ", expected an object or null");
  const auto field = [&](const char* name) -> const nlohmann::json& {
    const auto value = found->find(name);
    if (value == found->end()) task.reject("the task has no \"" + std::string(name) + "\"");
    return *value;
  };
  return AttentionSource{task.as_text(field("path"), "path"),
                         static_cast<int>(task.as_integer(field("head"), "head", -1))};
}

}  // namespace

TranslatorTask parse_translator_task(const std::string& json) {
  const TaskFields task(json, "translator");
  TranslatorTask result;
  result.source_vocabulary = task.text("source_vocabulary");
  result.target_vocabulary = task.text("target_vocabulary");
  result.source_suffix = task.ids("source_suffix");
  result.marks = {task.integer("start", 0), task.integer("end", 0)};
  result.max_length = task.integer("max_length", 1);
  result.attention = attention(task);
  return result;
}

}  // namespace pyseq
