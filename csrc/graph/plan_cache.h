// PlanCache: the plans of a session, a bounded number per function; the least recently used one goes first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace pyseq {

struct FunctionPlan;
using PlanPtr = std::shared_ptr<const FunctionPlan>;
using PlanKey = std::vector<std::int64_t>;  // the sizes that a plan was made for

class PlanCache {
 public:
  static constexpr std::size_t kPlansPerFunction = 32;

  PlanPtr find(int function, const PlanKey& key);  // null: not there
  void insert(int function, PlanKey key, PlanPtr plan);

 private:
  std::map<int, std::vector<std::pair<PlanKey, PlanPtr>>> plans_;  // most recently used first
};

}  // namespace pyseq
