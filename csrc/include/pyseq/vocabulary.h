// Vocabulary: the table between text units and ids that a program file carries.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pyseq/error.h"

namespace pyseq {

/// Unicode code points, runs of non-space, or pieces of those.
enum class TextUnit { character, word, subword };

/// "character", "word" or "subword".
const char* text_unit_name(TextUnit unit);

class SubwordEncoder;
class TokenIndex;

/// How words are cut into the tokens of a vocabulary of subwords. A word gets U+2581 in front (unless it has one), then
/// neighbouring pieces are merged, the first merge of the list first (BPE), or the pieces with the best sum of scores
/// are taken (unigram). With neither, words are looked up as a whole.
struct SubwordRules {
  std::vector<std::pair<std::int64_t, std::int64_t>> merges;  // ids whose tokens, joined, are a token
  std::vector<double> scores;       // log probability of every token; -infinity: never part of a text. Empty: merges
  bool splits_punctuation = false;  // punctuation marks are units of their own, except apostrophes and hyphens
};

class Vocabulary {
 public:
  /// Token n has id n. `unknown` is what encode gives for a token that is not there; without it that is an IndexError.
  /// ValueError: duplicate tokens, or an unknown id outside the table.
  Vocabulary(std::vector<std::string> tokens, TextUnit unit, std::optional<std::int64_t> unknown);

  /// A vocabulary of subwords. ValueError too: rules that name tokens that are not there.
  Vocabulary(std::vector<std::string> tokens, std::optional<std::int64_t> unknown, SubwordRules rules);

  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  TextUnit unit() const { return unit_; }
  std::optional<std::int64_t> unknown() const { return unknown_; }
  const std::string& token(std::int64_t id) const;  // IndexError
  std::optional<std::int64_t> find(std::string_view token) const;
  std::span<const std::string> tokens() const { return tokens_; }

  const SubwordRules& subword_rules() const { return rules_; }

  /// Characters or words; of subwords what pieces are looked for in. ValueError: text is not UTF-8.
  std::vector<std::string> split(std::string_view text) const;
  std::vector<std::int64_t> encode(std::string_view text) const;
  /// Characters are joined directly, words by single spaces; of subwords, U+2581 is a space.
  std::string decode(std::span<const std::int64_t> ids) const;
  /// The same for tokens, which need not be in the table.
  std::string join(std::span<const std::string> tokens) const;

 private:
  std::vector<std::string> tokens_;
  std::shared_ptr<const TokenIndex> ids_;
  TextUnit unit_;
  std::optional<std::int64_t> unknown_;
  SubwordRules rules_;
  std::shared_ptr<const SubwordEncoder> subwords_;
};

}  // namespace pyseq
