#include "decode/attention_field.h"

#include <nlohmann/json.hpp>
#include <string>

namespace pyseq {

std::optional<AttentionSource> attention_field(const TaskFields& task) {
  const nlohmann::json* found = task.find("attention");
  if (found == nullptr || found->is_null()) return std::nullopt;
  if (!found->is_object()) task.reject("\"attention\" is " + found->dump() + ", expected an object or null");
  const auto field = [&](const char* name) -> const nlohmann::json& {
    const auto value = found->find(name);
    if (value == found->end()) task.reject("the task has no \"" + std::string(name) + "\"");
    return *value;
  };
  if (found->contains("output")) return AttentionSource{task.as_text(field("output"), "output"), 0, true};
  return AttentionSource{task.as_text(field("path"), "path"),
                         static_cast<int>(task.as_integer(field("head"), "head", -1))};
}

}  // namespace pyseq
