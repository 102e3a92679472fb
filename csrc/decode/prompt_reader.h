// Reading of tokens that something follows: a prompt fills the state of a language model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pyseq/program.h"

namespace pyseq {

/// Tokens of a prompt that are read at once: bounds the memory of what is computed of them.
constexpr std::int64_t kTokensAtOnce = 256;

/// Feeds tokens [rows, time] to all rows of a state, without their logits where the program can leave them out.
void read_tokens(Session& session, State& state, std::span<const std::vector<std::int64_t>* const> rows,
                 std::int64_t begin, std::int64_t end, const RunLimits& limits);

/// A state with a row per prompt, each read but for its last token. Prompts that are equal are read once, those of
/// equal length together.
State read_prompts(Session& session, const std::vector<std::vector<std::int64_t>>& prompts, const RunLimits& limits);

}  // namespace pyseq
