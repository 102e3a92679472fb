#include "decode/token_tree.h"

#include <algorithm>

namespace pyseq {

TokenTree::Node TokenTree::extend(const Entry& entry) {
  entries_.push_back(entry);
  return static_cast<Node>(entries_.size()) - 1;
}

std::vector<TokenTree::Entry> TokenTree::path(Node node) const {
  std::vector<Entry> result;
  for (; node != kRoot; node = entries_[node].parent) result.push_back(entries_[node]);
  std::reverse(result.begin(), result.end());
  return result;
}

void TokenTree::tokens(Node node, std::vector<std::int64_t>& result) const {
  result.clear();
  for (; node != kRoot; node = entries_[node].parent) result.push_back(entries_[node].token);
  std::reverse(result.begin(), result.end());
}

}  // namespace pyseq
