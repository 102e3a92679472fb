#include "text/token_index.h"

#include <bit>
#include <functional>
#include <limits>

#include "pyseq/error.h"

namespace pyseq {

TokenIndex::TokenIndex(std::span<const std::string> tokens) {
  if (tokens.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw ValueError("vocabulary: " + std::to_string(tokens.size()) + " tokens, expected fewer than 2^31");
  }
  ids_.assign(std::bit_ceil(2 * tokens.size() + 1), kFree);
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    std::int32_t& place = ids_[place_of(tokens, tokens[id])];
    if (place != kFree) {
      throw ValueError("vocabulary: tokens " + std::to_string(place) + " and " + std::to_string(id) + " are both '" +
                       tokens[id] + "'");
    }
    place = static_cast<std::int32_t>(id);
  }
}

std::optional<std::int64_t> TokenIndex::find(std::span<const std::string> tokens, std::string_view text) const {
  const std::int32_t id = ids_[place_of(tokens, text)];
  return id == kFree ? std::nullopt : std::optional<std::int64_t>(id);
}

std::size_t TokenIndex::place_of(std::span<const std::string> tokens, std::string_view text) const {
  const std::size_t last = ids_.size() - 1;
  std::size_t place = std::hash<std::string_view>()(text) & last;
  while (ids_[place] != kFree && tokens[static_cast<std::size_t>(ids_[place])] != text) place = (place + 1) & last;
  return place;
}

}  // namespace pyseq
