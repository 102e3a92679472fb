#include "pyseq/vocabulary.h"

#include <functional>
#include <utility>

#include "text/subwords.h"
#include "text/token_index.h"
#include "text/utf8.h"

namespace pyseq {
namespace {

using UnitVisitor = std::function<void(std::string_view)>;

CodePoint checked_code_point(std::string_view text, std::size_t offset) {
  const CodePoint point = decode_code_point(text, offset);
  if (point.bytes == 0) {
    throw ValueError("vocabulary: the text is not UTF-8 (byte " + std::to_string(offset) + ")");
  }
  return point;
}

void for_each_character(std::string_view text, const UnitVisitor& visit) {
  for (std::size_t offset = 0; offset < text.size();) {
    const std::size_t bytes = checked_code_point(text, offset).bytes;
    visit(text.substr(offset, bytes));
    offset += bytes;
  }
}

void for_each_word(std::string_view text, const UnitVisitor& visit) {
  std::size_t begin = 0;  // of the word being read
  std::size_t offset = 0;
  while (offset < text.size()) {
    const CodePoint point = checked_code_point(text, offset);
    if (is_space(point.value)) {
      if (offset > begin) visit(text.substr(begin, offset - begin));
      begin = offset + point.bytes;
    }
    offset += point.bytes;
  }
  if (offset > begin) visit(text.substr(begin));
}

void for_each_unit(std::string_view text, TextUnit unit, const UnitVisitor& visit) {
  unit == TextUnit::character ? for_each_character(text, visit) : for_each_word(text, visit);
}

}  // namespace

const char* text_unit_name(TextUnit unit) {
  switch (unit) {
    case TextUnit::character:
      return "character";
    case TextUnit::word:
      return "word";
    case TextUnit::subword:
      return "subword";
  }
  return "unknown";
}

Vocabulary::Vocabulary(std::vector<std::string> tokens, TextUnit unit, std::optional<std::int64_t> unknown)
    : tokens_(std::move(tokens)), unit_(unit), unknown_(unknown) {
  if (unknown_ && (*unknown_ < 0 || *unknown_ >= size())) {
    throw ValueError("vocabulary: unknown is " + std::to_string(*unknown_) + ", expected an id below " +
                     std::to_string(size()));
  }
  for (std::int64_t id = 0; id < size(); ++id) {
    if (find_invalid_utf8(tokens_[id])) throw ValueError("vocabulary: token " + std::to_string(id) + " is not UTF-8");
  }
  ids_ = std::make_shared<const TokenIndex>(tokens_);
  if (unit_ == TextUnit::subword) subwords_ = make_subword_encoder(tokens_, unknown_, rules_);
}

Vocabulary::Vocabulary(std::vector<std::string> tokens, std::optional<std::int64_t> unknown, SubwordRules rules)
    : Vocabulary(std::move(tokens), TextUnit::character, unknown) {
  unit_ = TextUnit::subword;
  rules_ = std::move(rules);
  subwords_ = make_subword_encoder(tokens_, unknown_, rules_);
}

const std::string& Vocabulary::token(std::int64_t id) const {
  if (id < 0 || id >= size()) {
    throw IndexError("vocabulary: id is " + std::to_string(id) + ", expected one below " + std::to_string(size()));
  }
  return tokens_[id];
}

std::optional<std::int64_t> Vocabulary::find(std::string_view token) const {
  return ids_->find(tokens_, token);
}

std::vector<std::string> Vocabulary::split(std::string_view text) const {
  std::vector<std::string> units;
  if (unit_ == TextUnit::subword) {
    for_each_word(text, [&](std::string_view word) {
      for (std::string& unit : subword_units(word, rules_.splits_punctuation)) units.push_back(std::move(unit));
    });
    return units;
  }
  for_each_unit(text, unit_, [&](std::string_view unit) { units.emplace_back(unit); });
  return units;
}

std::vector<std::int64_t> Vocabulary::encode(std::string_view text) const {
  std::vector<std::int64_t> ids;
  if (unit_ == TextUnit::subword) {
    for (const std::string& unit : split(text)) subwords_->encode(unit, ids);
    return ids;
  }
  for_each_unit(text, unit_, [&](std::string_view unit) {
    const std::optional<std::int64_t> id = find(unit);
    if (!id && !unknown_) {
      throw IndexError("vocabulary: '" + std::string(unit) + "' is not in it, and it has no unknown token");
    }
    ids.push_back(id ? *id : *unknown_);
  });
  return ids;
}

std::string Vocabulary::decode(std::span<const std::int64_t> ids) const {
  std::vector<std::string> tokens;
  for (const std::int64_t id : ids) tokens.push_back(token(id));
  return join(tokens);
}

std::string Vocabulary::join(std::span<const std::string> tokens) const {
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && unit_ == TextUnit::word) text += ' ';
    text += tokens[i];
  }
  return unit_ == TextUnit::subword ? subwords_as_text(text) : text;
}

}  // namespace pyseq
