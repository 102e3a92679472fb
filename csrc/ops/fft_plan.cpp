#include "ops/fft_plan.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numbers>

namespace pyseq {
namespace {

constexpr std::size_t kMostPlans = 8;

/// Cosine and sine of `turns` whole turns: the fraction is taken in integers, so that large products lose nothing.
void append_rotation(std::vector<float>& table, std::int64_t numerator, std::int64_t denominator) {
  const double angle =
      2 * std::numbers::pi * static_cast<double>(numerator % denominator) / static_cast<double>(denominator);
  table.push_back(static_cast<float>(std::cos(angle)));
  table.push_back(static_cast<float>(std::sin(angle)));
}

std::vector<float> twiddles_of(std::int64_t size, std::int64_t radix) {
  std::vector<float> table;
  for (std::int64_t part = 0; part < size / radix; ++part) {
    for (std::int64_t k = 1; k < radix; ++k) append_rotation(table, -part * k, size);
  }
  table.resize(std::max<std::size_t>(table.size(), 2));
  return table;
}

std::vector<float> roots_of(std::int64_t radix) {
  std::vector<float> table;
  for (std::int64_t j = 0; j < radix; ++j) append_rotation(table, j, radix);
  return table;
}

/// The plans in use, oldest first. Plans are made outside of the lock, which is therefore held for moments only.
class PlanCache {
 public:
  std::shared_ptr<const FftPlan> find(std::int64_t size) {
    const std::lock_guard lock(mutex_);
    for (const auto& plan : plans_) {
      if (plan->size() == size) return plan;
    }
    return nullptr;
  }

  void store(const std::shared_ptr<const FftPlan>& plan) {
    const std::lock_guard lock(mutex_);
    if (plans_.size() == kMostPlans) plans_.erase(plans_.begin());
    plans_.push_back(plan);
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<const FftPlan>> plans_;
};

}  // namespace

std::vector<std::int64_t> fft_radices(std::int64_t count) {
  std::vector<std::int64_t> radices;
  for (const std::int64_t radix : {4, 2, 3, 5, 7}) {
    for (; count % radix == 0; count /= radix) radices.push_back(radix);
  }
  return count == 1 ? radices : std::vector<std::int64_t>();
}

FftPlan::FftPlan(std::int64_t size) : size_(size) {
  std::int64_t left = size / 2, stride = 1;
  for (const std::int64_t radix : fft_radices(left)) {
    tables_.push_back(twiddles_of(left, radix));
    const float* twiddles = tables_.back().data();
    tables_.push_back(roots_of(radix));
    passes_.push_back({radix, left, stride, twiddles, tables_.back().data()});
    left /= radix;
    stride *= radix;
  }
  for (std::int64_t k = 0; k <= size / 2; ++k) append_rotation(half_twiddle_, -k, size);
}

std::shared_ptr<const FftPlan> fft_plan(std::int64_t size) {
  static PlanCache cache;
  if (auto plan = cache.find(size)) return plan;
  auto plan = std::make_shared<const FftPlan>(size);
  cache.store(plan);
  return plan;
}

}  // namespace pyseq
