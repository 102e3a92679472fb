// The field "attention" of a task (docs/architecture.md, Tasks).
#pragma once

#include <optional>

#include "decode/task_fields.h"
#include "pyseq/decode.h"

namespace pyseq {

/// Nothing where it is absent or null. FormatError: something else than {"path", "head"} or {"output"}.
std::optional<AttentionSource> attention_field(const TaskFields& task);

}  // namespace pyseq
