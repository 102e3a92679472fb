#include "decode/ctc/hot_words.h"

#include <algorithm>

namespace pyseq {
namespace {

constexpr std::int32_t kNone = -1;

auto at_token(std::int64_t token) {
  return [token](const std::pair<std::int64_t, std::int32_t>& child) { return child.first < token; };
}

}  // namespace

CtcHotWords::CtcHotWords(std::span<const CtcHotWord> phrases, std::int64_t separator) : separator_(separator) {
  for (const CtcHotWord& phrase : phrases) add(phrase);
  link();
  double least = 0;
  for (const Node& node : nodes_) {
    most_gain_ = std::max(most_gain_, node.lent + node.earned);
    least = std::min(least, node.lent);
  }
  most_gain_ -= least;
  if (separator_ >= 0 && !phrases.empty()) start_ = child(0, separator_);
}

std::int32_t CtcHotWords::child(std::int32_t node, std::int64_t token) const {
  const auto& children = nodes_[static_cast<std::size_t>(node)].children;
  const auto found = std::partition_point(children.begin(), children.end(), at_token(token));
  return found == children.end() || found->first != token ? kNone : found->second;
}

void CtcHotWords::add(const CtcHotWord& phrase) {
  std::vector<std::int64_t> tokens = phrase.spelling;
  if (separator_ >= 0) {
    tokens.insert(tokens.begin(), separator_);
    tokens.push_back(separator_);
  }
  const std::size_t free = separator_ >= 0 ? 1 : 0;  // what every phrase begins with is worth nothing
  std::int32_t node = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::int32_t next = child(node, tokens[i]);
    if (next == kNone) {
      next = static_cast<std::int32_t>(nodes_.size());
      nodes_.emplace_back();
      auto& children = nodes_[static_cast<std::size_t>(node)].children;
      children.insert(std::partition_point(children.begin(), children.end(), at_token(tokens[i])), {tokens[i], next});
    }
    node = next;
    Node& reached = nodes_[static_cast<std::size_t>(node)];
    if (i + 1 == tokens.size()) {
      reached.earned += phrase.boost;
    } else if (i >= free) {
      const double share = phrase.boost * static_cast<double>(i + 1 - free) / static_cast<double>(tokens.size() - free);
      reached.lent = reached.lent == 0 ? share : std::max(reached.lent, share);
    }
  }
}

// Breadth first: fallbacks are shorter, so they are complete before they are followed.
void CtcHotWords::link() {
  std::vector<std::int32_t> queue{0};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::int32_t node = queue[i];
    for (const auto& [token, next] : nodes_[static_cast<std::size_t>(node)].children) {
      std::int32_t fallback = kNone;
      for (std::int32_t at = node; at != 0 && fallback == kNone;) {
        at = nodes_[static_cast<std::size_t>(at)].fallback;
        fallback = child(at, token);
      }
      Node& reached = nodes_[static_cast<std::size_t>(next)];
      reached.fallback = fallback == kNone ? 0 : fallback;
      reached.earned += nodes_[static_cast<std::size_t>(reached.fallback)].earned;
      queue.push_back(next);
    }
  }
}

CtcHotWords::Step CtcHotWords::step(std::int32_t state, std::int64_t token) const {
  std::int32_t at = state, next = child(at, token);
  while (next == kNone && at != 0) {
    at = nodes_[static_cast<std::size_t>(at)].fallback;
    next = child(at, token);
  }
  if (next == kNone) next = 0;
  const Node& reached = nodes_[static_cast<std::size_t>(next)];
  return {next, reached.lent + reached.earned - nodes_[static_cast<std::size_t>(state)].lent};
}

double CtcHotWords::finish(std::int32_t state) const {
  if (separator_ < 0) return -nodes_[static_cast<std::size_t>(state)].lent;
  const Step last = step(state, separator_);
  return last.gain - nodes_[static_cast<std::size_t>(last.state)].lent;
}

}  // namespace pyseq
