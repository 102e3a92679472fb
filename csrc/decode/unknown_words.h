// Words for unknown tokens: what the model attended to when it gave them.
#pragma once

#include <string>
#include <vector>

#include "pyseq/translation_options.h"
#include "pyseq/translator.h"

namespace pyseq {

/// ValueError: the target vocabulary has no unknown token.
void check_unknown(const Vocabulary& target);

/// Replaces the unknown tokens of a translation, in its tokens and its text; ids stay. `source` has what the
/// model reads of the text; the translation has attention.
void replace_unknowns(const std::vector<std::string>& source, const Vocabulary& target,
                      const TranslationOptions& options, Translation& translation);

}  // namespace pyseq
