// Regular expressions as a tree. Their syntax is that of Python's `re` without what does not describe a set of texts
// (anchors, groups by number, looking around): literals, `.`, [classes], (groups), (?:groups), |, *, +, ?, {m}, {m,},
// {,n}, {m,n}, and the escapes \d \w \s \D \W \S (of ASCII), \t \n \r \f \v \a \xHH \uHHHH \UHHHHHHHH and
// \ before any character that is no letter or digit. A `?` after a repetition changes nothing here.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pyseq {

/// Code points first ... last.
struct CodePointRange {
  std::uint32_t first, last;
};

struct RegexNode {
  enum class Kind {
    set,       // one character out of `ranges` (sorted, disjoint; none: nothing matches)
    sequence,  // all `children`, one after the other; none: the empty text
    choice,    // one of `children`
    repeat,    // children[0], `least` to `most` times
  };
  Kind kind = Kind::sequence;
  std::vector<CodePointRange> ranges;
  std::vector<RegexNode> children;
  std::int64_t least = 0, most = 0;
};

inline constexpr std::int64_t kWithoutEnd = -1;  // of `most`

/// ValueError naming the position (in characters, from 0) and what was expected there.
RegexNode parse_regex(std::string_view pattern);

}  // namespace pyseq
