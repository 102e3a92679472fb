// The texts of a vocabulary in the order of their bytes, so that a walk over all of them reads every common beginning
// once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "decode/constraints/byte_dfa.h"

namespace pyseq {

class TokenTexts {
 public:
  explicit TokenTexts(std::vector<std::string> texts);

  std::int64_t size() const { return static_cast<std::int64_t>(texts_.size()); }
  const std::string& operator[](std::int64_t token) const { return texts_[static_cast<std::size_t>(token)]; }

  /// Calls visit(token, state) for every token with a text that leads from `from` to a state that is not dead.
  template <class Visit>
  void walk(const ByteDfa& dfa, ByteDfa::State from, const Visit& visit) const {
    std::vector<ByteDfa::State> states(longest_ + 1);  // states[n]: behind n bytes of the token
    states[0] = from;
    for (std::size_t i = 0; i < sorted_.size();) {
      const Entry& entry = sorted_[i];
      const std::string& text = texts_[static_cast<std::size_t>(entry.token)];
      std::size_t read = entry.common;
      while (read < text.size()) {
        const ByteDfa::State next = dfa.next(states[read], static_cast<std::uint8_t>(text[read]));
        ++read;
        states[read] = next;
        if (next == ByteDfa::kDead) break;
      }
      ++i;
      if (states[read] != ByteDfa::kDead) {
        visit(entry.token, states[read]);
      } else {
        while (i < sorted_.size() && sorted_[i].common >= read) ++i;  // they begin with the same dead bytes
      }
    }
  }

 private:
  struct Entry {
    std::int64_t token;
    std::size_t common;  // bytes that it begins with like the entry before it
  };
  std::vector<std::string> texts_;
  std::vector<Entry> sorted_;  // without empty texts
  std::size_t longest_ = 0;
};

}  // namespace pyseq
