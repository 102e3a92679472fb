// Hierarchical softmax: a word's probability is the product of the turns on the way to its leaf.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pyseq {

/// The Huffman tree of word counts. Word w goes through the inner nodes nodes[begins[w] .. begins[w + 1]), from the
/// root (the last inner node) on; turns[k] is 1 where the way goes to the rarer side's sibling, as word2vec codes it.
struct HuffmanTree {
  std::vector<std::int64_t> begins;  // [words + 1]
  std::vector<std::int32_t> nodes;   // numbers from 0 to words - 2
  std::vector<std::uint8_t> turns;
};

/// Of equally frequent subtrees the one made first is taken first. ValueError: fewer than two words.
HuffmanTree huffman_tree(std::span<const std::int64_t> counts);

}  // namespace pyseq
