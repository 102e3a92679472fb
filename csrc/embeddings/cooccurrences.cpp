#include "embeddings/cooccurrences.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <numeric>
#include <queue>
#include <string>
#include <utility>

#include <stdlib.h>
#include <unistd.h>

#include "base/threads.h"
#include "pyseq/error.h"
#include "pyseq/runtime.h"

namespace pyseq {
namespace {

constexpr std::int64_t kMostUnits = std::int64_t{1} << 36;
constexpr std::int32_t kFrequent = 1024;  // pairs of the most frequent words have a table without keys
constexpr std::size_t kSliceTokens = 1 << 16;
constexpr std::size_t kFewSlots = 1 << 12;
constexpr std::size_t kReadPairs = 1 << 14;  // of a run at a time
constexpr std::uint64_t kEmpty = ~std::uint64_t{0};

/// The least common multiple of 1 ... window, so that every 1 / d is a whole number of units; 2³² where it is too
/// large.
std::int64_t unit_of(int window) {
  std::int64_t unit = 1;
  for (std::int64_t d = 2; d <= window; ++d) {
    unit = std::lcm(unit, d);
    if (unit > kMostUnits) return std::int64_t{1} << 32;
  }
  return unit;
}

bool by_key(const PairCount& a, const PairCount& b) {
  return a.key < b.key;
}

}  // namespace

/// Pairs and their sums: open addressing, and a square of the most frequent words.
class CooccurrenceCounter::Table {
 public:
  explicit Table(std::int64_t words)
      : side_(static_cast<std::size_t>(std::min<std::int64_t>(words, kFrequent))),
        square_(side_ * side_),
        slots_(kFewSlots) {
    clear_slots();
  }

  void add(std::uint32_t word, std::uint32_t context, std::uint64_t units) {
    if (word < side_ && context < side_) {
      square_[word * side_ + context] += units;
      return;
    }
    PairCount& slot = find(std::uint64_t{word} << 32 | context);
    if (slot.key == kEmpty) {
      slot.key = std::uint64_t{word} << 32 | context;
      ++used_;
    }
    slot.units += units;
    if (2 * used_ > slots_.size()) grow();
  }

  /// Bytes of the slots, once so many more pairs have come.
  std::size_t bytes_with(std::size_t more) const {
    return std::max(slots_.size(), std::bit_ceil(2 * (used_ + more))) * sizeof(PairCount);
  }

  /// All pairs with their keys ascending; the table is empty afterwards.
  std::vector<PairCount> take_sorted() {
    std::vector<PairCount> pairs;
    for (const PairCount& slot : slots_) {
      if (slot.key != kEmpty) pairs.push_back(slot);
    }
    for (std::size_t i = 0; i < square_.size(); ++i) {
      if (square_[i] != 0) pairs.push_back({std::uint64_t{i / side_} << 32 | i % side_, square_[i]});
    }
    std::sort(pairs.begin(), pairs.end(), by_key);
    std::fill(square_.begin(), square_.end(), 0);
    slots_ = std::vector<PairCount>(kFewSlots);
    clear_slots();
    return pairs;
  }

 private:
  PairCount& find(std::uint64_t key) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = (key * 0x9E3779B97F4A7C15ULL) >> (64 - std::countr_zero(slots_.size()));
    while (slots_[slot].key != kEmpty && slots_[slot].key != key) slot = (slot + 1) & mask;
    return slots_[slot];
  }
  void grow() {
    std::vector<PairCount> old(2 * slots_.size());
    old.swap(slots_);
    clear_slots();
    for (const PairCount& pair : old) {
      if (pair.key == kEmpty) continue;
      find(pair.key) = pair;
      ++used_;
    }
  }
  void clear_slots() {
    std::fill(slots_.begin(), slots_.end(), PairCount{kEmpty, 0});
    used_ = 0;
  }

  std::size_t side_;
  std::vector<std::uint64_t> square_;
  std::vector<PairCount> slots_;
  std::size_t used_ = 0;
};

CooccurrenceCounter::CooccurrenceCounter(std::int64_t words, const CooccurrenceOptions& options)
    : words_(words), options_(options) {
  if (options.window < 1) {
    throw ValueError("co-occurrences: window is " + std::to_string(options.window) + ", expected at least 1");
  }
  if (options.memory_limit < 1 << 20) {
    throw ValueError("co-occurrences: memory_limit is " + std::to_string(options.memory_limit) +
                     " bytes, expected at least 1 MiB");
  }
  if (words < 1 || words > INT32_MAX) {
    throw ValueError("co-occurrences: words is " + std::to_string(words) + ", expected 1 to 2^31 - 1");
  }
  if (options.weighs_distance) unit_ = unit_of(options.window);
  weights_.push_back(0);
  for (std::int64_t d = 1; d <= options.window; ++d) {
    weights_.push_back(static_cast<std::uint64_t>(options.weighs_distance ? unit_ / d : 1));
  }
}

CooccurrenceCounter::~CooccurrenceCounter() = default;

void CooccurrenceCounter::add(std::span<const std::int32_t> tokens, std::int64_t from, std::int64_t to) {
  if (from < 0 || from > to || to > static_cast<std::int64_t>(tokens.size())) {
    throw IndexError("co-occurrences: range [" + std::to_string(from) + ", " + std::to_string(to) +
                     "), expected a part of " + std::to_string(tokens.size()) + " tokens");
  }
  const std::size_t start = static_cast<std::size_t>(from), stop = static_cast<std::size_t>(to);
  const std::size_t slices = (stop - start + kSliceTokens - 1) / kSliceTokens;
  std::mutex mutex;
  std::vector<Table*> idle;
  for (const auto& table : tables_) idle.push_back(table.get());
  const auto take = [&] {
    const std::scoped_lock lock(mutex);
    if (idle.empty()) {
      tables_.push_back(std::make_unique<Table>(words_));
      return tables_.back().get();
    }
    Table* table = idle.back();
    idle.pop_back();
    return table;
  };
  parallel_for(static_cast<std::int64_t>(slices), 1, [&](std::int64_t begin, std::int64_t end) {
    Table& table = *take();
    for (std::int64_t slice = begin; slice < end; ++slice) {
      const std::size_t first = start + static_cast<std::size_t>(slice) * kSliceTokens;
      count(table, tokens, first, std::min(stop, first + kSliceTokens));
      // Every other slice of this size brings so many new pairs, more or less.
      const std::size_t more = kSliceTokens * static_cast<std::size_t>(options_.window) / 4;
      const auto share = static_cast<std::size_t>(options_.memory_limit / std::max(1, num_threads()));
      if (table.bytes_with(more) > share) {
        const std::scoped_lock lock(mutex);
        spill(table);
      }
    }
    const std::scoped_lock lock(mutex);
    idle.push_back(&table);
  });
}

void CooccurrenceCounter::count(Table& table, std::span<const std::int32_t> tokens, std::size_t begin,
                                std::size_t end) {
  const auto window = static_cast<std::size_t>(options_.window);
  for (std::size_t i = begin; i < end; ++i) {
    const std::int32_t word = tokens[i];
    if (word < 0 || word >= words_) continue;
    for (std::size_t distance = 1; distance <= std::min(window, i); ++distance) {
      const std::int32_t context = tokens[i - distance];
      if (context < 0) break;  // the end of the sentence before
      if (context >= words_) continue;
      const bool turns = options_.symmetric && context < word;
      table.add(static_cast<std::uint32_t>(turns ? context : word), static_cast<std::uint32_t>(turns ? word : context),
                weights_[distance]);
    }
  }
}

void CooccurrenceCounter::spill(Table& table) {
  std::string name = (options_.folder / "cooccurrences-XXXXXX").string();
  const int descriptor = mkstemp(name.data());
  if (descriptor < 0) {
    throw UnsupportedError("co-occurrences: no file can be made in " + options_.folder.string() + ": " +
                           std::strerror(errno));
  }
  unlink(name.c_str());  // gone when it is closed
  File file(fdopen(descriptor, "w+b"));
  const std::vector<PairCount> pairs = table.take_sorted();
  if (std::fwrite(pairs.data(), sizeof(PairCount), pairs.size(), file.get()) != pairs.size() ||
      std::fflush(file.get()) != 0) {
    throw UnsupportedError("co-occurrences: writing to " + options_.folder.string() +
                           " failed: " + std::strerror(errno));
  }
  std::rewind(file.get());
  files_.push_back(std::move(file));
}

void CooccurrenceCounter::finish(const std::function<void(const PairCount&)>& take) {
  struct Run {
    std::FILE* file;  // null: all in memory
    std::vector<PairCount> pairs;
    std::size_t next = 0;
    bool refill() {
      if (next < pairs.size()) return true;
      if (file == nullptr) return false;
      pairs.resize(kReadPairs);
      pairs.resize(std::fread(pairs.data(), sizeof(PairCount), kReadPairs, file));
      next = 0;
      return !pairs.empty();
    }
  };
  std::vector<Run> runs;
  for (const File& file : files_) runs.push_back({file.get(), {}, 0});
  for (const auto& table : tables_) runs.push_back({nullptr, table->take_sorted(), 0});
  tables_.clear();
  using Head = std::pair<std::uint64_t, std::size_t>;  // key, run
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
  const auto push = [&](std::size_t run) {
    if (runs[run].refill()) heads.emplace(runs[run].pairs[runs[run].next].key, run);
  };
  for (std::size_t run = 0; run < runs.size(); ++run) push(run);
  PairCount sum{kEmpty, 0};
  while (!heads.empty()) {
    const std::size_t run = heads.top().second;
    heads.pop();
    const PairCount& pair = runs[run].pairs[runs[run].next++];
    if (pair.key != sum.key) {
      if (sum.key != kEmpty) take(sum);
      sum = {pair.key, 0};
    }
    sum.units += pair.units;
    push(run);
  }
  if (sum.key != kEmpty) take(sum);
  files_.clear();
}

}  // namespace pyseq
