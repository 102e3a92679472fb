// Constraints given as texts, in the tokens of a vocabulary.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/constraints.h"
#include "pyseq/vocabulary.h"

namespace pyseq {

/// The ids of a text. ValueError for one that the vocabulary has only its unknown token for: no output contains it.
/// `what` starts the sentence: "phrases".
std::vector<std::int64_t> known_ids(const Vocabulary& vocabulary, std::string_view text, std::string_view what);

/// Outputs whose text matches the whole pattern; `marks` and the unknown token are never part of them.
std::shared_ptr<const TokenAutomaton> regex_over(const Vocabulary& vocabulary, std::string_view pattern,
                                                 const std::vector<std::int64_t>& marks);
/// These outputs.
std::shared_ptr<const TokenAutomaton> trie_over(const Vocabulary& vocabulary, const std::vector<std::string>& texts);

/// What a token adds to a text, marks by their names.
std::string shown_text(const Vocabulary& vocabulary, std::int64_t id);
/// What stands between the texts of two tokens.
std::string separator_of(const Vocabulary& vocabulary);

}  // namespace pyseq
