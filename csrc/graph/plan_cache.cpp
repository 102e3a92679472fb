#include "graph/plan_cache.h"

#include <algorithm>

namespace pyseq {

PlanPtr PlanCache::find(int function, const PlanKey& key) {
  auto& plans = plans_[function];
  const auto found = std::find_if(plans.begin(), plans.end(), [&](const auto& entry) { return entry.first == key; });
  if (found == plans.end()) return nullptr;
  std::rotate(plans.begin(), found, found + 1);
  return plans.front().second;
}

void PlanCache::insert(int function, PlanKey key, PlanPtr plan) {
  auto& plans = plans_[function];
  if (plans.size() == kPlansPerFunction) plans.pop_back();
  plans.emplace(plans.begin(), std::move(key), std::move(plan));
}

}  // namespace pyseq
