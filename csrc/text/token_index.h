// TokenIndex: the ids of the tokens of a table, by their texts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pyseq {

/// A hash table of ids alone (open addressing): it is made anew whenever a program is loaded, so that it must not take
/// memory token by token. The texts stay with the caller, who passes the same ones every time.
class TokenIndex {
 public:
  /// Token n has id n. ValueError: two tokens are the same.
  explicit TokenIndex(std::span<const std::string> tokens);
  std::optional<std::int64_t> find(std::span<const std::string> tokens, std::string_view text) const;

 private:
  /// Where the text stands, or the free place for it.
  std::size_t place_of(std::span<const std::string> tokens, std::string_view text) const;

  static constexpr std::int32_t kFree = -1;
  std::vector<std::int32_t> ids_;  // as many as a power of two, at least twice the tokens
};

}  // namespace pyseq
