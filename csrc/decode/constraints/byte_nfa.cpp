#include "decode/constraints/byte_nfa.h"

#include <string>

#include "pyseq/error.h"

namespace pyseq {
namespace {

using State = ByteNfa::State;

constexpr std::size_t kMostNodes = 100'000;
constexpr std::int64_t kMostVisits = 1'000'000;  // repetitions of the empty text add no nodes

[[noreturn]] void refuse() {
  throw ValueError("regular expression: it has more than " + std::to_string(kMostNodes) +
                   " parts when repetitions are written out");
}

/// Builds from the end: `build(node, next)` gives the state from which a text of the node leads to `next`.
class Builder {
 public:
  ByteNfa run(const RegexNode& regex) {
    nfa_.accept = add({});
    nfa_.start = build(regex, nfa_.accept);
    return std::move(nfa_);
  }

 private:
  State add(const ByteNfa::Node& node) {
    if (nfa_.nodes.size() == kMostNodes) refuse();
    nfa_.nodes.push_back(node);
    return static_cast<State>(nfa_.nodes.size()) - 1;
  }
  State fork(State a, State b) { return add({.bytes = {1, 0}, .next = a, .other = b}); }

  State build(const RegexNode& node, State next) {
    if (++visits_ > kMostVisits) refuse();
    switch (node.kind) {
      case RegexNode::Kind::set:
        return set(node, next);
      case RegexNode::Kind::sequence:
        for (auto child = node.children.rbegin(); child != node.children.rend(); ++child) next = build(*child, next);
        return next;
      case RegexNode::Kind::choice: {
        State result = build(node.children.back(), next);
        for (auto child = node.children.rbegin() + 1; child != node.children.rend(); ++child) {
          result = fork(build(*child, next), result);
        }
        return result;
      }
      case RegexNode::Kind::repeat:
        return repeat(node, next);
    }
    return next;
  }

  State set(const RegexNode& node, State next) {
    State result = ByteNfa::kNone;
    for (const CodePointRange& range : node.ranges) {
      for (const std::vector<ByteRange>& bytes : utf8_sequences(range)) {
        State first = next;
        for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) first = add({*byte, first, ByteNfa::kNone});
        result = result == ByteNfa::kNone ? first : fork(first, result);
      }
    }
    return result == ByteNfa::kNone ? add({}) : result;  // an empty set leads nowhere
  }

  State repeat(const RegexNode& node, State next) {
    const RegexNode& child = node.children[0];
    State result = next;
    if (node.most == kWithoutEnd) {
      result = fork(ByteNfa::kNone, next);
      const State body = build(child, result);  // a statement of its own: it moves the nodes
      nfa_.nodes[static_cast<std::size_t>(result)].next = body;
    } else {
      for (std::int64_t i = node.least; i < node.most; ++i) result = fork(build(child, result), next);
    }
    for (std::int64_t i = 0; i < node.least; ++i) result = build(child, result);
    return result;
  }

  ByteNfa nfa_;
  std::int64_t visits_ = 0;
};

}  // namespace

ByteNfa make_nfa(const RegexNode& regex) {
  return Builder().run(regex);
}

}  // namespace pyseq
