#include "embeddings/huffman.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <utility>

#include "pyseq/error.h"

namespace pyseq {

HuffmanTree huffman_tree(std::span<const std::int64_t> counts) {
  if (counts.size() < 2) {
    throw ValueError("huffman_tree: counts has " + std::to_string(counts.size()) + " words, expected at least 2");
  }
  const std::size_t words = counts.size(), all = 2 * words - 1;
  using Item = std::pair<std::int64_t, std::size_t>;  // count, node: leaves are the words
  std::priority_queue<Item, std::vector<Item>, std::greater<>> queue;
  for (std::size_t word = 0; word < words; ++word) queue.emplace(counts[word], word);
  std::vector<std::size_t> parents(all, all);
  std::vector<std::uint8_t> turns(all, 0);
  for (std::size_t node = words; node < all; ++node) {
    std::int64_t sum = 0;
    for (const std::uint8_t turn : {std::uint8_t{0}, std::uint8_t{1}}) {
      const Item child = queue.top();
      queue.pop();
      sum += child.first;
      parents[child.second] = node;
      turns[child.second] = turn;
    }
    queue.emplace(sum, node);
  }
  HuffmanTree tree;
  tree.begins.push_back(0);
  for (std::size_t word = 0; word < words; ++word) {
    const std::size_t begin = tree.nodes.size();
    for (std::size_t node = word; node != all - 1; node = parents[node]) {
      tree.nodes.push_back(static_cast<std::int32_t>(parents[node] - words));
      tree.turns.push_back(turns[node]);
    }
    std::reverse(tree.nodes.begin() + static_cast<std::ptrdiff_t>(begin), tree.nodes.end());
    std::reverse(tree.turns.begin() + static_cast<std::ptrdiff_t>(begin), tree.turns.end());
    tree.begins.push_back(static_cast<std::int64_t>(tree.nodes.size()));
  }
  return tree;
}

}  // namespace pyseq
