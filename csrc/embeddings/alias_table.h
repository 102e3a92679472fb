// Draws from a fixed distribution in constant time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "embeddings/random.h"

namespace pyseq {

/// Walker's alias method (1977), as Vose (1991) builds its table: every column holds a value and its alias.
class AliasTable {
 public:
  /// Weights: not negative, not all zero.
  explicit AliasTable(std::span<const double> weights);

  std::int32_t draw(SliceRandom& random) const {
    const std::uint64_t bits = random.bits();
    const auto column = static_cast<std::size_t>(((bits >> 32) * columns_.size()) >> 32);
    const Column& found = columns_[column];
    return static_cast<std::uint32_t>(bits) < found.threshold ? static_cast<std::int32_t>(column) : found.alias;
  }

 private:
  struct Column {
    std::uint32_t threshold;
    std::int32_t alias;
  };
  std::vector<Column> columns_;
};

}  // namespace pyseq
