// A set of token sequences as a tree.
#include <algorithm>
#include <map>
#include <utility>

#include "pyseq/constraints.h"

namespace pyseq {
namespace {

constexpr float kBanned = -std::numeric_limits<float>::infinity();

class TokenTrie final : public TokenAutomaton {
 public:
  explicit TokenTrie(const std::vector<std::vector<std::int64_t>>& sequences) {
    if (sequences.empty()) throw ValueError("trie: there is no sequence, expected at least one");
    for (const auto& sequence : sequences) add(sequence);
    // Children come after their parents.
    for (std::size_t node = nodes_.size(); node-- > 0;) {
      for (const auto& [token, child] : nodes_[node].children) {
        nodes_[node].tokens_left = std::min(nodes_[node].tokens_left, tokens_left(child) + 1);
      }
    }
  }

  State start() const override { return 0; }

  State next(State state, std::int64_t token) const override {
    const auto& children = nodes_[static_cast<std::size_t>(state)].children;
    const auto found = children.find(token);
    return found == children.end() ? kDead : found->second;
  }

  void visit_next(State state, const std::function<void(std::int64_t, State)>& visit) const override {
    for (const auto& [token, child] : nodes_[static_cast<std::size_t>(state)].children) visit(token, child);
  }

  std::int64_t tokens_left(State state) const override { return nodes_[static_cast<std::size_t>(state)].tokens_left; }

  void restrict(State state, std::int64_t room, std::span<float> scores) const override {
    std::vector<std::pair<std::int64_t, float>> kept;
    for (const auto& [token, child] : nodes_[static_cast<std::size_t>(state)].children) {
      if (tokens_left(child) < room) kept.emplace_back(token, scores[static_cast<std::size_t>(token)]);
    }
    std::fill(scores.begin(), scores.end(), kBanned);
    for (const auto& [token, score] : kept) scores[static_cast<std::size_t>(token)] = score;
  }

  void check(std::int64_t vocabulary, std::int64_t end) const override {
    if (largest_ >= vocabulary) {
      throw IndexError("trie: token " + std::to_string(largest_) + " is outside the model's vocabulary of " +
                       std::to_string(vocabulary));
    }
    for (const Node& node : nodes_) {
      if (node.children.count(end) > 0) {
        throw ValueError("trie: a sequence contains the end mark (" + std::to_string(end) +
                         "), which follows every sequence by itself");
      }
    }
  }

  std::string name() const override { return "trie"; }

 private:
  struct Node {
    std::map<std::int64_t, State> children;
    std::int64_t tokens_left = kNever;
  };

  void add(const std::vector<std::int64_t>& sequence) {
    State node = 0;
    for (const std::int64_t token : sequence) {
      if (token < 0) throw ValueError("trie: token " + std::to_string(token) + ", expected 0 or more");
      largest_ = std::max(largest_, token);
      const auto child = static_cast<State>(nodes_.size());
      const auto [found, is_new] = nodes_[static_cast<std::size_t>(node)].children.emplace(token, child);
      node = found->second;
      if (is_new) nodes_.emplace_back();
    }
    nodes_[static_cast<std::size_t>(node)].tokens_left = 0;
  }

  std::vector<Node> nodes_{1};
  std::int64_t largest_ = -1;
};

}  // namespace

std::shared_ptr<const TokenAutomaton> token_trie(const std::vector<std::vector<std::int64_t>>& sequences) {
  return std::make_shared<TokenTrie>(sequences);
}

}  // namespace pyseq
