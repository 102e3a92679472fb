// What the processor can do.
#pragma once

#include <string_view>

namespace pyseq {

/// True when this processor and operating system run the tier's instructions ("v2", "v3", "v4", "v4_vnni", "v4_bf16",
/// "neon").
bool cpu_supports(std::string_view tier);

}  // namespace pyseq
