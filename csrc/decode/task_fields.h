// Fields of the task of a program file (docs/architecture.md, Tasks).
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pyseq/program.h"

namespace pyseq {

/// Reads one task; every error is a FormatError that starts with its kind: "translator: ...".
class TaskFields {
 public:
  /// The task must be of this kind.
  TaskFields(const std::string& json, std::string kind);
  ~TaskFields();

  std::string text(const char* name) const;
  std::int64_t integer(const char* name, std::int64_t lowest) const;
  /// Absent or null: nothing.
  std::optional<std::int64_t> optional_integer(const char* name, std::int64_t lowest) const;
  std::vector<std::int64_t> ids(const char* name) const;   // absent: none
  std::vector<std::string> texts(const char* name) const;  // at least one
  const nlohmann::json* find(const char* name) const;      // null: absent

  [[noreturn]] void reject(const std::string& problem) const;
  std::int64_t as_integer(const nlohmann::json& value, const char* name, std::int64_t lowest) const;
  std::string as_text(const nlohmann::json& value, const char* name) const;

 private:
  std::unique_ptr<nlohmann::json> task_;
  std::string kind_;
};

/// FormatError where the program lacks it; `kind` starts the sentence.
std::shared_ptr<const Vocabulary> require_vocabulary(const Program& program, const std::string& kind,
                                                     const std::string& name);
void require_id(std::int64_t id, const char* field, const std::string& kind, const Vocabulary& vocabulary);
void require_function(const Program& program, const std::string& kind, const std::string& name);

}  // namespace pyseq
