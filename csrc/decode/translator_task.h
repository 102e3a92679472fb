// The task "translator" of a program file (docs/architecture.md, Tasks).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pyseq/decode.h"

namespace pyseq {

struct TranslatorTask {
  std::string source_vocabulary, target_vocabulary;  // names
  std::vector<std::int64_t> source_suffix;           // ids
  Marks marks;
  std::int64_t max_length = 0;
  std::optional<AttentionSource> attention;
};

/// FormatError: another kind of task, a field that is missing, or one of the wrong type.
TranslatorTask parse_translator_task(const std::string& json);

}  // namespace pyseq
