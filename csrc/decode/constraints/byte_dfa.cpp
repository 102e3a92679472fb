#include "decode/constraints/byte_dfa.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "decode/constraints/byte_nfa.h"
#include "pyseq/error.h"

namespace pyseq {
namespace {

using NfaState = ByteNfa::State;
using NfaStates = std::vector<NfaState>;  // sorted; only those that read a byte, and the accepting one

constexpr std::size_t kMostStates = 20'000;
// Steps over nodes: what a hostile pattern may cost before it is refused (about a second).
constexpr std::int64_t kMostWork = 100'000'000;

[[noreturn]] void refuse() {
  throw ValueError("regular expression: it takes too many states (more than " + std::to_string(kMostStates) +
                   ", or too large ones); repetitions of parts that begin alike are what multiplies them");
}

/// Subset construction over classes of bytes.
class Determinizer {
 public:
  explicit Determinizer(const ByteNfa& nfa) : nfa_(nfa), visited_(nfa.nodes.size(), 0) { find_classes(); }

  void run() {
    intern(closure({nfa_.start}));
    for (std::size_t state = 0; state < sets_.size(); ++state) {
      for (const std::uint8_t byte : representatives_) {
        const NfaStates targets = step(*sets_[state], byte);
        next.push_back(targets.empty() ? ByteDfa::kDead : intern(targets));
      }
    }
  }

  std::array<std::uint8_t, 256> class_of{};
  std::vector<ByteDfa::State> next;  // [states, classes]
  std::vector<bool> accepting;
  std::size_t num_classes() const { return representatives_.size(); }

 private:
  /// Bytes between two boundaries of ranges are alike.
  void find_classes() {
    std::array<bool, 257> begins{};
    begins[0] = true;
    for (const ByteNfa::Node& node : nfa_.nodes) {
      if (!node.reads()) continue;
      begins[node.bytes.first] = true;
      begins[node.bytes.last + 1u] = true;
    }
    for (unsigned byte = 0; byte < 256; ++byte) {
      if (begins[byte]) representatives_.push_back(static_cast<std::uint8_t>(byte));
      class_of[byte] = static_cast<std::uint8_t>(representatives_.size() - 1);
    }
  }

  ByteDfa::State intern(const NfaStates& states) {
    const auto [found, is_new] = numbers_.emplace(states, static_cast<ByteDfa::State>(sets_.size()));
    if (!is_new) return found->second;
    if (sets_.size() == kMostStates) refuse();
    sets_.push_back(&found->first);
    accepting.push_back(std::binary_search(states.begin(), states.end(), nfa_.accept));
    return found->second;
  }

  NfaStates step(const NfaStates& states, std::uint8_t byte) {
    NfaStates targets;
    work_ += static_cast<std::int64_t>(states.size());
    for (const NfaState state : states) {
      const ByteNfa::Node& node = nfa_.nodes[static_cast<std::size_t>(state)];
      if (node.reads() && node.bytes.first <= byte && byte <= node.bytes.last) targets.push_back(node.next);
    }
    return closure(std::move(targets));
  }

  /// What `open` leads to without a byte.
  NfaStates closure(NfaStates open) {
    ++mark_;
    NfaStates result;
    while (!open.empty()) {
      const NfaState state = open.back();
      open.pop_back();
      if (state == ByteNfa::kNone || visited_[static_cast<std::size_t>(state)] == mark_) continue;
      visited_[static_cast<std::size_t>(state)] = mark_;
      if (++work_ > kMostWork) refuse();
      const ByteNfa::Node& node = nfa_.nodes[static_cast<std::size_t>(state)];
      if (node.reads() || state == nfa_.accept) {
        result.push_back(state);
      } else {
        open.push_back(node.other);
        open.push_back(node.next);
      }
    }
    std::sort(result.begin(), result.end());
    return result;
  }

  const ByteNfa& nfa_;
  std::vector<std::uint8_t> representatives_;  // one byte of every class
  std::map<NfaStates, ByteDfa::State> numbers_;
  std::vector<const NfaStates*> sets_;  // keys of numbers_
  std::vector<std::int64_t> visited_;   // by node: the last closure that saw it
  std::int64_t mark_ = 0;
  std::int64_t work_ = 0;
};

constexpr std::int32_t kUnreachable = std::numeric_limits<std::int32_t>::max();

}  // namespace

ByteDfa::ByteDfa(std::string_view pattern) {
  const ByteNfa nfa = make_nfa(parse_regex(pattern));
  Determinizer determinizer(nfa);
  determinizer.run();
  class_of_ = determinizer.class_of;
  num_classes_ = determinizer.num_classes();
  next_ = std::move(determinizer.next);
  measure_bytes_left(determinizer.accepting);
  for (State& next : next_) {
    if (next != kDead && bytes_left(next) == kUnreachable) next = kDead;
  }
  start_ = bytes_left(0) == kUnreachable ? kDead : 0;
}

/// Breadth first, backwards from the accepting states.
void ByteDfa::measure_bytes_left(const std::vector<bool>& accepting) {
  std::vector<std::vector<State>> sources(accepting.size());
  for (std::size_t i = 0; i < next_.size(); ++i) {
    if (next_[i] != kDead) sources[static_cast<std::size_t>(next_[i])].push_back(static_cast<State>(i / num_classes_));
  }
  bytes_left_.assign(accepting.size(), kUnreachable);
  std::vector<State> order;
  for (std::size_t state = 0; state < accepting.size(); ++state) {
    if (!accepting[state]) continue;
    bytes_left_[state] = 0;
    order.push_back(static_cast<State>(state));
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const State source : sources[static_cast<std::size_t>(order[i])]) {
      std::int32_t& left = bytes_left_[static_cast<std::size_t>(source)];
      if (left != kUnreachable) continue;
      left = bytes_left_[static_cast<std::size_t>(order[i])] + 1;
      order.push_back(source);
    }
  }
}

ByteDfa::State ByteDfa::run(State state, std::string_view text) const {
  for (std::size_t i = 0; i < text.size() && state != kDead; ++i)
    state = next(state, static_cast<std::uint8_t>(text[i]));
  return state;
}

}  // namespace pyseq
