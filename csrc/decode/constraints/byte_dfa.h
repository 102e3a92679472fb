// A deterministic automaton over bytes, made from a regular expression.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pyseq {

class ByteDfa {
 public:
  using State = std::int32_t;
  static constexpr State kDead = -1;  // no text that goes on from here matches

  /// ValueError: the pattern is no regular expression, or one that takes too many states.
  explicit ByteDfa(std::string_view pattern);

  State start() const { return start_; }
  State next(State state, std::uint8_t byte) const {
    return next_[static_cast<std::size_t>(state) * num_classes_ + class_of_[byte]];
  }
  /// Where a text leads.
  State run(State state, std::string_view text) const;
  bool is_accepting(State state) const { return bytes_left(state) == 0; }
  /// Bytes of the shortest text that goes on to a match.
  std::int32_t bytes_left(State state) const { return bytes_left_[static_cast<std::size_t>(state)]; }
  std::int64_t size() const { return static_cast<std::int64_t>(bytes_left_.size()); }

 private:
  void measure_bytes_left(const std::vector<bool>& accepting);

  State start_ = kDead;
  std::array<std::uint8_t, 256> class_of_{};  // bytes that no state tells apart
  std::size_t num_classes_ = 0;
  std::vector<State> next_;  // [states, classes]
  std::vector<std::int32_t> bytes_left_;
};

}  // namespace pyseq
