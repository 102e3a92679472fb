#include "ops/sinusoid_table.h"

#include <algorithm>
#include <cmath>
#include <mutex>

namespace pyseq {
namespace {

constexpr std::int64_t kFirstPositions = 256;
constexpr std::int64_t kMostValues = std::int64_t{1} << 22;  // of one table; positions beyond are computed each time
constexpr std::size_t kMostTables = 8;

struct CachedTable {
  SinusoidLayout layout;
  std::shared_ptr<const SinusoidTable> table;
};

/// The tables in use, oldest first. Tables are built outside the lock, which is therefore held for moments only.
class TableCache {
 public:
  std::shared_ptr<const SinusoidTable> find(const SinusoidLayout& layout) {
    const std::lock_guard lock(mutex_);
    for (const CachedTable& entry : entries_) {
      if (entry.layout == layout) return entry.table;
    }
    return nullptr;
  }

  void store(const SinusoidLayout& layout, std::shared_ptr<const SinusoidTable> table) {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const CachedTable& entry) { return entry.layout == layout; });
    if (entries_.size() == kMostTables) entries_.erase(entries_.begin());
    entries_.push_back({layout, std::move(table)});
  }

 private:
  std::mutex mutex_;
  std::vector<CachedTable> entries_;
};

std::int64_t rows_of(const std::shared_ptr<const SinusoidTable>& table, const SinusoidLayout& layout) {
  return table == nullptr ? 0 : static_cast<std::int64_t>(table->size()) / layout.width;
}

}  // namespace

void sinusoid_row(const SinusoidLayout& layout, std::int64_t position, float* row) {
  const std::int64_t waves = layout.width / 2;
  const std::int64_t steps = std::max<std::int64_t>(1, layout.inclusive ? waves - 1 : waves);
  for (std::int64_t i = 0; i < waves; ++i) {
    const double exponent = -static_cast<double>(i) / static_cast<double>(steps);
    const double angle = static_cast<double>(position) * std::pow(layout.base, exponent);
    row[layout.split ? i : 2 * i] = static_cast<float>(std::sin(angle));
    row[layout.split ? waves + i : 2 * i + 1] = static_cast<float>(std::cos(angle));
  }
}

std::shared_ptr<const SinusoidTable> sinusoid_table(const SinusoidLayout& layout, std::int64_t positions) {
  static TableCache cache;
  const std::int64_t most = kMostValues / layout.width;
  const std::int64_t needed = std::min(positions, most);
  std::shared_ptr<const SinusoidTable> old = cache.find(layout);
  const std::int64_t kept = rows_of(old, layout);
  if (old != nullptr && kept >= needed) return old;
  const std::int64_t rows = std::min(most, std::max({needed, 2 * kept, kFirstPositions}));
  auto table = std::make_shared<SinusoidTable>(rows * layout.width);
  if (old != nullptr) std::copy(old->begin(), old->end(), table->begin());
  for (std::int64_t row = kept; row < rows; ++row) sinusoid_row(layout, row, table->data() + row * layout.width);
  cache.store(layout, table);
  return table;
}

}  // namespace pyseq
