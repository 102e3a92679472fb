#include "decode/constraints/regex_syntax.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "pyseq/error.h"
#include "text/utf8.h"

namespace pyseq {
namespace {

using Ranges = std::vector<CodePointRange>;

constexpr std::uint32_t kLastCodePoint = 0x10FFFF;
constexpr CodePointRange kSurrogates{0xD800, 0xDFFF};  // no text has them
constexpr int kDeepest = 200;                          // groups within groups: the parser calls itself
constexpr std::int64_t kMostRepeats = 1000;

/// Sorted, without overlaps and without surrogates.
Ranges normalized(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Ranges merged;
  for (const CodePointRange& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  Ranges result;
  for (const CodePointRange& range : merged) {
    if (range.first < kSurrogates.first) result.push_back({range.first, std::min(range.last, kSurrogates.first - 1)});
    if (range.last > kSurrogates.last) result.push_back({std::max(range.first, kSurrogates.last + 1), range.last});
  }
  return result;
}

Ranges complement(const Ranges& ranges) {
  Ranges result;
  std::uint32_t next = 0;
  for (const CodePointRange& range : normalized(ranges)) {
    if (range.first > next) result.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCodePoint) result.push_back({next, kLastCodePoint});
  return normalized(result);
}

/// What \d, \w or \s stands for.
std::optional<Ranges> named_class(std::uint32_t letter) {
  switch (letter) {
    case 'd':
      return Ranges{{'0', '9'}};
    case 'w':
      return Ranges{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    case 's':
      return Ranges{{'\t', '\r'}, {' ', ' '}};
    case 'D':
    case 'W':
    case 'S':
      return complement(*named_class(letter + ('a' - 'A')));
    default:
      return std::nullopt;
  }
}

/// What \n and its like stand for.
std::optional<std::uint32_t> control_character(std::uint32_t letter) {
  switch (letter) {
    case 't':
      return '\t';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case 'a':
      return '\a';
    default:
      return std::nullopt;
  }
}

bool is_ascii_letter_or_digit(std::uint32_t point) {
  return (point >= '0' && point <= '9') || (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z');
}

std::optional<std::uint32_t> hexadecimal(std::uint32_t point) {
  if (point >= '0' && point <= '9') return point - '0';
  if (point >= 'a' && point <= 'f') return point - 'a' + 10;
  if (point >= 'A' && point <= 'F') return point - 'A' + 10;
  return std::nullopt;
}

RegexNode set_of(Ranges ranges) {
  RegexNode node;
  node.kind = RegexNode::Kind::set;
  node.ranges = normalized(std::move(ranges));
  return node;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) {
    for (std::size_t offset = 0; offset < pattern.size();) {
      const CodePoint point = decode_code_point(pattern, offset);
      if (point.bytes == 0) throw ValueError("regular expression: it is not UTF-8");
      points_.push_back(point.value);
      offset += point.bytes;
    }
  }

  RegexNode parse() {
    RegexNode result = choice(0);
    if (!at_end()) fail(at_, "a ) without its (");  // everything else is read by choice()
    return result;
  }

 private:
  [[noreturn]] void fail(std::size_t position, const std::string& problem) const {
    throw ValueError("regular expression: position " + std::to_string(position) + ": " + problem);
  }

  bool at_end() const { return at_ == points_.size(); }
  bool next_is(std::uint32_t point) const { return !at_end() && points_[at_] == point; }
  bool take(std::uint32_t point) {
    if (!next_is(point)) return false;
    ++at_;
    return true;
  }

  RegexNode choice(int depth) {
    if (depth > kDeepest) fail(at_, "more than " + std::to_string(kDeepest) + " groups within each other");
    RegexNode result;
    result.kind = RegexNode::Kind::choice;
    do {
      result.children.push_back(sequence(depth));
    } while (take('|'));
    return result.children.size() > 1 ? std::move(result) : std::move(result.children[0]);
  }

  RegexNode sequence(int depth) {
    RegexNode result;
    while (!at_end() && !next_is('|') && !next_is(')')) result.children.push_back(repeated(depth));
    return result;
  }

  RegexNode repeated(int depth) {
    const std::size_t begin = at_;
    RegexNode item = single(depth);
    const std::optional<std::pair<std::int64_t, std::int64_t>> times = repetition();
    if (!times) return item;
    take('?');  // of the same texts: it only chooses between ways to match
    const std::size_t behind = at_;
    if (repetition()) fail(behind, "a repetition of a repetition: put the first one into a group");
    if (times->second != kWithoutEnd && times->first > times->second) {
      fail(begin, "repeats from " + std::to_string(times->first) + " to " + std::to_string(times->second) + " times");
    }
    RegexNode result;
    result.kind = RegexNode::Kind::repeat;
    result.least = times->first;
    result.most = times->second;
    result.children.push_back(std::move(item));
    return result;
  }

  /// {least, most} of *, +, ? or {...}.
  std::optional<std::pair<std::int64_t, std::int64_t>> repetition() {
    if (take('*')) return std::pair(std::int64_t{0}, kWithoutEnd);
    if (take('+')) return std::pair(std::int64_t{1}, kWithoutEnd);
    if (take('?')) return std::pair(std::int64_t{0}, std::int64_t{1});
    const std::size_t begin = at_;
    if (!take('{')) return std::nullopt;
    const std::optional<std::int64_t> least = number();
    const bool has_comma = take(',');
    const std::optional<std::int64_t> most = has_comma ? number() : least;
    if ((!least && !most) || !take('}')) {
      fail(begin, "expected a repetition {m}, {m,}, {,n} or {m,n} (\\{ stands for the character)");
    }
    return std::pair(least.value_or(0), most.value_or(kWithoutEnd));
  }

  std::optional<std::int64_t> number() {
    const std::size_t begin = at_;
    std::int64_t value = 0;
    while (!at_end() && points_[at_] >= '0' && points_[at_] <= '9') {
      value = value * 10 + (points_[at_++] - '0');
      if (value > kMostRepeats) fail(begin, "more than " + std::to_string(kMostRepeats) + " repetitions");
    }
    return at_ == begin ? std::nullopt : std::optional(value);
  }

  RegexNode single(int depth) {
    const std::size_t begin = at_;
    const std::uint32_t point = points_[at_++];
    switch (point) {
      case '(':
        return group(begin, depth);
      case '[':
        return set_of(character_class(begin));
      case '.':
        return set_of(complement({{'\n', '\n'}}));
      case '\\':
        return set_of(escape(begin));
      case '*':
      case '+':
      case '?':
      case '{':
        fail(begin, "nothing to repeat");
      case '^':
      case '$':
        fail(begin, "the whole text is matched, there are no anchors (a \\ before it stands for the character)");
      default:
        return set_of({{point, point}});
    }
  }

  RegexNode group(std::size_t begin, int depth) {
    if (next_is('?')) {
      ++at_;
      if (!take(':')) fail(begin, "expected (?: or (, other kinds of groups are not known");
    }
    RegexNode result = choice(depth + 1);
    if (!take(')')) fail(begin, "a ( without its )");
    return result;
  }

  /// Behind a [.
  Ranges character_class(std::size_t begin) {
    const bool negated = take('^');
    Ranges ranges;
    bool is_first = true;
    while (is_first || !next_is(']')) {  // a ] at the beginning is a character
      if (at_end()) fail(begin, "a [ without its ]");
      add_class_item(ranges);
      is_first = false;
    }
    ++at_;
    return negated ? complement(ranges) : ranges;
  }

  void add_class_item(Ranges& ranges) {
    const std::size_t begin = at_;
    const Ranges first = class_character();
    const bool is_range = next_is('-') && at_ + 1 < points_.size() && points_[at_ + 1] != ']';
    if (!is_range) {
      ranges.insert(ranges.end(), first.begin(), first.end());
      return;
    }
    ++at_;
    const Ranges last = class_character();
    const bool are_characters = is_character(first) && is_character(last);
    if (!are_characters || first[0].first > last[0].first)
      fail(begin, "expected a range from a character to a later one");
    ranges.push_back({first[0].first, last[0].first});
  }

  static bool is_character(const Ranges& ranges) { return ranges.size() == 1 && ranges[0].first == ranges[0].last; }

  Ranges class_character() {
    const std::size_t begin = at_;
    const std::uint32_t point = points_[at_++];
    return point == '\\' ? escape(begin) : Ranges{{point, point}};
  }

  /// Behind a \.
  Ranges escape(std::size_t begin) {
    if (at_end()) fail(begin, "a \\ at the end");
    const std::uint32_t letter = points_[at_++];
    if (const auto ranges = named_class(letter)) return *ranges;
    if (const auto point = control_character(letter)) return {{*point, *point}};
    const int digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    if (digits > 0) {
      const std::uint32_t point = code(begin, digits);
      return {{point, point}};
    }
    if (is_ascii_letter_or_digit(letter)) {
      fail(begin, std::string("\\") + static_cast<char>(letter) + " is not known");
    }
    return {{letter, letter}};
  }

  std::uint32_t code(std::size_t begin, int digits) {
    std::uint32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const auto digit = at_end() ? std::nullopt : hexadecimal(points_[at_]);
      if (!digit) fail(begin, "expected " + std::to_string(digits) + " hexadecimal digits");
      value = value * 16 + *digit;
    }
    if (value > kLastCodePoint || (value >= kSurrogates.first && value <= kSurrogates.last)) {
      fail(begin, "the code of no character");
    }
    return value;
  }

  std::vector<std::uint32_t> points_;
  std::size_t at_ = 0;
};

}  // namespace

RegexNode parse_regex(std::string_view pattern) {
  return Parser(pattern).parse();
}

}  // namespace pyseq
