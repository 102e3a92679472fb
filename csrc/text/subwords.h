// Subwords: words cut into pieces that a vocabulary has, by merges (BPE) or by the scores of pieces (unigram).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/vocabulary.h"

namespace pyseq {

/// Stands for the space before a word, as in SentencePiece: U+2581.
inline constexpr std::string_view kWordMark = "\xE2\x96\x81";

/// Cuts one unit (a word with its mark, or a punctuation mark) into pieces.
class SubwordEncoder {
 public:
  virtual ~SubwordEncoder() = default;
  /// Appends the ids of a unit, which is UTF-8.
  virtual void encode(std::string_view unit, std::vector<std::int64_t>& ids) const = 0;
};

/// ValueError: both merges and scores, merges of or into tokens that do not exist, or not a score per token.
std::shared_ptr<const SubwordEncoder> make_subword_encoder(std::span<const std::string> tokens,
                                                           std::optional<std::int64_t> unknown,
                                                           const SubwordRules& rules);

/// What a word is cut into before pieces are looked for: with `splits_punctuation`, every punctuation mark stands alone
/// (with the word mark before it, if there is one). Word marks are put before words that do not begin with one.
std::vector<std::string> subword_units(std::string_view word, bool splits_punctuation);

/// Tokens as text: word marks become spaces, the first of them goes.
std::string subwords_as_text(std::string_view tokens);
/// All word marks as spaces.
std::string with_spaces(std::string_view tokens);

}  // namespace pyseq
