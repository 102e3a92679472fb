// Vocabulary: the table between text units and ids that a program file carries.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pyseq/error.h"

namespace pyseq {

enum class TextUnit { character, word };  // Unicode code points, or runs of non-space

class Vocabulary {
 public:
  /// Token n has id n. `unknown` is what encode gives for a token that is not there; without it that is an IndexError.
  /// ValueError: duplicate tokens, or an unknown id outside the table.
  Vocabulary(std::vector<std::string> tokens, TextUnit unit, std::optional<std::int64_t> unknown);

  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  TextUnit unit() const { return unit_; }
  std::optional<std::int64_t> unknown() const { return unknown_; }
  const std::string& token(std::int64_t id) const;  // IndexError
  std::optional<std::int64_t> find(std::string_view token) const;
  std::span<const std::string> tokens() const { return tokens_; }

  std::vector<std::string> split(std::string_view text) const;  // ValueError: text is not UTF-8
  std::vector<std::int64_t> encode(std::string_view text) const;
  /// Characters are joined directly, words by single spaces.
  std::string decode(std::span<const std::int64_t> ids) const;

 private:
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, std::int64_t> ids_;
  TextUnit unit_;
  std::optional<std::int64_t> unknown_;
};

}  // namespace pyseq
