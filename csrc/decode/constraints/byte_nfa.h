// A nondeterministic automaton over bytes (Thompson 1968): what a regular expression is turned into first.
#pragma once

#include <cstdint>
#include <vector>

#include "decode/constraints/regex_syntax.h"
#include "decode/constraints/utf8_ranges.h"

namespace pyseq {

struct ByteNfa {
  using State = std::int32_t;
  static constexpr State kNone = -1;

  struct Node {
    ByteRange bytes{1, 0};              // of the step to `next`; first > last: a step without a byte
    State next = kNone, other = kNone;  // `other`: a second step without a byte
    bool reads() const { return bytes.first <= bytes.last; }
  };
  std::vector<Node> nodes;
  State start = kNone, accept = kNone;
};

/// ValueError: more nodes than a pattern may have.
ByteNfa make_nfa(const RegexNode& regex);

}  // namespace pyseq
