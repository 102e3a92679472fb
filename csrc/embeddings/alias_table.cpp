#include "embeddings/alias_table.h"

#include <cmath>
#include <numeric>

namespace pyseq {

AliasTable::AliasTable(std::span<const double> weights) : columns_(weights.size()) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto count = static_cast<double>(weights.size());
  std::vector<double> shares(weights.size());
  std::vector<std::int32_t> small, large;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    shares[i] = weights[i] * count / total;
    (shares[i] < 1.0 ? small : large).push_back(static_cast<std::int32_t>(i));
  }
  const auto at = [](std::int32_t i) { return static_cast<std::size_t>(i); };
  while (!small.empty() && !large.empty()) {
    const std::int32_t poor = small.back(), rich = large.back();
    small.pop_back();
    columns_[at(poor)] = {static_cast<std::uint32_t>(std::min(shares[at(poor)] * 0x1p32, 0x1p32 - 1)), rich};
    shares[at(rich)] -= 1.0 - shares[at(poor)];
    if (shares[at(rich)] < 1.0) {
      large.pop_back();
      small.push_back(rich);
    }
  }
  // What is left has a share of 1 but for rounding: it is its own alias.
  for (const std::vector<std::int32_t>* rest : {&small, &large}) {
    for (const std::int32_t i : *rest) columns_[at(i)] = {UINT32_MAX, i};
  }
}

}  // namespace pyseq
