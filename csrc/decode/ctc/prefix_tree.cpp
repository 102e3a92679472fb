#include "decode/ctc/prefix_tree.h"

#include <algorithm>
#include <limits>

namespace pyseq {
namespace {

constexpr std::size_t kFirstSlots = 1 << 10;
constexpr std::int32_t kVacant = -1;

/// New numbers of what `live` reach through `before`, in the same order: what a number is made from stands before it.
template <typename Before>
std::vector<std::int32_t> renumber(std::size_t count, std::span<std::int32_t* const> live, Before before) {
  std::vector<std::int32_t> numbers(count, kVacant);
  for (const std::int32_t* start : live) {
    for (std::int32_t at = *start; at >= 0 && numbers[static_cast<std::size_t>(at)] == kVacant; at = before(at)) {
      numbers[static_cast<std::size_t>(at)] = 0;
    }
  }
  std::int32_t next = 0;
  for (std::int32_t& number : numbers) {
    if (number != kVacant) number = next++;
  }
  for (std::int32_t* start : live) {
    if (*start >= 0) *start = numbers[static_cast<std::size_t>(*start)];
  }
  return numbers;
}

}  // namespace

CtcPrefixTree::CtcPrefixTree(const CtcContext& root) : nodes_(1), table_(kFirstSlots, kVacant) {
  nodes_[0].context = root;
}

std::size_t CtcPrefixTree::slot(std::int32_t parent, std::int32_t token, std::int32_t word) const {
  std::uint64_t key = static_cast<std::uint32_t>(parent);
  key = (key << 32) | static_cast<std::uint32_t>(token);
  key = (key ^ (static_cast<std::uint64_t>(static_cast<std::uint32_t>(word)) << 17)) * 0x9E3779B97F4A7C15U;
  std::size_t at = static_cast<std::size_t>(key >> 32) & (table_.size() - 1);
  for (; table_[at] != kVacant; at = (at + 1) & (table_.size() - 1)) {
    const CtcPrefix& node = nodes_[static_cast<std::size_t>(table_[at])];
    if (node.parent == parent && node.token == token && node.word == word) break;
  }
  return at;
}

std::int32_t CtcPrefixTree::find(std::int32_t parent, std::int32_t token, std::int32_t word) const {
  return table_[slot(parent, token, word)];
}

std::int32_t CtcPrefixTree::add(std::int32_t parent, std::int32_t token, std::int32_t word, const CtcContext& context) {
  if (2 * nodes_.size() >= table_.size()) rebuild(2 * table_.size());
  const std::int32_t node = size();
  table_[slot(parent, token, word)] = node;
  nodes_.push_back({.parent = parent, .token = token, .word = word, .context = context});
  return node;
}

void CtcPrefixTree::rebuild(std::size_t slots) {
  table_.assign(slots, kVacant);
  for (std::int32_t node = 1; node < size(); ++node) {
    const CtcPrefix& prefix = nodes_[static_cast<std::size_t>(node)];
    table_[slot(prefix.parent, prefix.token, prefix.word)] = node;
  }
}

void CtcPrefixTree::collect(std::span<std::int32_t* const> live) {
  std::int32_t root = kRoot;
  std::vector<std::int32_t*> kept(live.begin(), live.end());
  kept.push_back(&root);
  const std::vector<std::int32_t> numbers =
      renumber(nodes_.size(), kept, [this](std::int32_t node) { return (*this)[node].parent; });
  std::size_t next = 0;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (numbers[node] == kVacant) continue;
    CtcPrefix& prefix = nodes_[next++];
    prefix = nodes_[node];
    if (prefix.parent >= 0) prefix.parent = numbers[static_cast<std::size_t>(prefix.parent)];
  }
  nodes_.resize(next);
  rebuild(table_.size());
}

void collect_times(std::vector<CtcTime>& times, std::span<std::int32_t* const> live) {
  const std::vector<std::int32_t> numbers =
      renumber(times.size(), live, [&](std::int32_t time) { return times[static_cast<std::size_t>(time)].before; });
  std::size_t next = 0;
  for (std::size_t time = 0; time < times.size(); ++time) {
    if (numbers[time] == kVacant) continue;
    CtcTime& kept = times[next++];
    kept = times[time];
    if (kept.before >= 0) kept.before = numbers[static_cast<std::size_t>(kept.before)];
  }
  times.resize(next);
}

}  // namespace pyseq
