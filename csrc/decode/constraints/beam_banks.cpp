#include "decode/constraints/beam_banks.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

namespace pyseq {

std::vector<std::size_t> order_by_banks(std::span<const std::int64_t> banks) {
  struct Place {
    std::int64_t round, bank;
    std::size_t candidate;
  };
  std::map<std::int64_t, std::int64_t> sizes;
  std::vector<Place> places;
  for (std::size_t i = 0; i < banks.size(); ++i) places.push_back({sizes[banks[i]]++, banks[i], i});
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return std::tuple(a.round, -a.bank) < std::tuple(b.round, -b.bank); });
  std::vector<std::size_t> order;
  for (const Place& place : places) order.push_back(place.candidate);
  return order;
}

}  // namespace pyseq
