// A regular expression lifted from bytes to the tokens of a vocabulary. The graph of its states under tokens is
// explored once, which gives every state the tokens that it is away from a match; masks are made when a state is first
// met.
#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "decode/constraints/byte_dfa.h"
#include "decode/constraints/token_texts.h"
#include "pyseq/constraints.h"

namespace pyseq {
namespace {

constexpr float kBanned = -std::numeric_limits<float>::infinity();

class RegexAutomaton final : public TokenAutomaton {
 public:
  RegexAutomaton(std::string_view pattern, std::vector<std::string> texts, const std::string& separator)
      : dfa_(pattern), texts_(std::move(texts)), separator_(separator) {
    explore();
    made_ = std::make_unique<std::once_flag[]>(static_cast<std::size_t>(num_states()));
    masks_.resize(static_cast<std::size_t>(num_states()));
  }

  State start() const override {
    if (dfa_.start() == ByteDfa::kDead || tokens_left_[static_cast<std::size_t>(start_)] == kNever) return kDead;
    return start_;
  }

  State next(State state, std::int64_t token) const override {
    if (token < 0 || token >= texts_.size() || texts_[token].empty()) return kDead;
    const ByteDfa::State begin = before_text(state);
    if (begin == ByteDfa::kDead) return kDead;
    const State result = dfa_.run(begin, texts_[token]);
    return result == ByteDfa::kDead || tokens_left(result) == kNever ? kDead : result;
  }

  void visit_next(State state, const std::function<void(std::int64_t, State)>& visit) const override {
    const ByteDfa::State begin = before_text(state);
    if (begin == ByteDfa::kDead) return;
    texts_.walk(dfa_, begin, [&](std::int64_t token, ByteDfa::State target) {
      if (tokens_left(target) != kNever) visit(token, target);
    });
  }

  std::int64_t tokens_left(State state) const override { return tokens_left_[static_cast<std::size_t>(state)]; }

  void restrict(State state, std::int64_t room, std::span<float> scores) const override {
    const Mask& mask = mask_of(state);
    if (mask.most_left < room) {
      for (std::size_t token = 0; token < scores.size(); ++token) {
        if ((mask.bits[token / 64] >> (token % 64) & 1) == 0) scores[token] = kBanned;
      }
      return;
    }
    const std::vector<std::uint64_t> bits = allowed(state, room, nullptr);
    for (std::size_t token = 0; token < scores.size(); ++token) {
      if ((bits[token / 64] >> (token % 64) & 1) == 0) scores[token] = kBanned;
    }
  }

  void check(std::int64_t vocabulary, std::int64_t) const override {
    if (texts_.size() == vocabulary) return;
    throw ValueError("regular expression: it was made for " + std::to_string(texts_.size()) +
                     " tokens, the model has " + std::to_string(vocabulary));
  }

  std::string name() const override { return "regular expression"; }

 private:
  struct Mask {
    std::vector<std::uint64_t> bits;  // of the allowed tokens
    std::int64_t most_left = 0;       // the largest tokens_left behind any of them
  };

  // The states of the DFA, and where there is a separator one more: nothing has been written yet.
  std::int64_t num_states() const { return dfa_.size() + 1; }

  /// Where the text of the next token begins.
  ByteDfa::State before_text(State state) const {
    if (state == start_) return dfa_.start();
    return dfa_.run(static_cast<ByteDfa::State>(state), separator_);
  }

  /// Breadth first from the start over all tokens, then back from the accepting states.
  void explore() {
    start_ = separator_.empty() ? dfa_.start() : dfa_.size();
    tokens_left_.assign(static_cast<std::size_t>(num_states()), kNever);
    if (dfa_.start() == ByteDfa::kDead) return;
    std::vector<std::vector<State>> sources(static_cast<std::size_t>(num_states()));
    std::vector<bool> seen(static_cast<std::size_t>(num_states()));
    std::vector<State> last_source(static_cast<std::size_t>(num_states()), kDead);
    std::vector<State> order{start_};
    seen[static_cast<std::size_t>(start_)] = true;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const State source = order[i];
      const ByteDfa::State begin = before_text(source);
      if (begin == ByteDfa::kDead) continue;
      texts_.walk(dfa_, begin, [&](std::int64_t, ByteDfa::State target) {
        const auto at = static_cast<std::size_t>(target);
        if (last_source[at] != source) sources[at].push_back(last_source[at] = source);
        if (!seen[at]) {
          seen[at] = true;
          order.push_back(target);
        }
      });
    }
    measure(order, sources);
  }

  void measure(const std::vector<State>& reached, const std::vector<std::vector<State>>& sources) {
    std::vector<State> order;
    for (const State state : reached) {
      const auto of_dfa = static_cast<ByteDfa::State>(state == start_ ? dfa_.start() : state);
      if (!dfa_.is_accepting(of_dfa)) continue;
      tokens_left_[static_cast<std::size_t>(state)] = 0;
      order.push_back(state);
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
      for (const State source : sources[static_cast<std::size_t>(order[i])]) {
        std::int64_t& left = tokens_left_[static_cast<std::size_t>(source)];
        if (left != kNever) continue;
        left = tokens_left(order[i]) + 1;
        order.push_back(source);
      }
    }
  }

  /// A bit per token after which at most room - 1 more are needed; the largest tokens_left of all.
  std::vector<std::uint64_t> allowed(State state, std::int64_t room, std::int64_t* most_left) const {
    std::vector<std::uint64_t> bits(static_cast<std::size_t>(texts_.size() + 63) / 64);
    const ByteDfa::State begin = before_text(state);
    if (begin == ByteDfa::kDead) return bits;
    texts_.walk(dfa_, begin, [&](std::int64_t token, ByteDfa::State target) {
      const std::int64_t left = tokens_left(target);
      if (left == kNever || left >= room) return;
      bits[static_cast<std::size_t>(token) / 64] |= std::uint64_t{1} << (token % 64);
      if (most_left != nullptr) *most_left = std::max(*most_left, left);
    });
    return bits;
  }

  const Mask& mask_of(State state) const {
    const auto at = static_cast<std::size_t>(state);
    std::call_once(made_[at], [&] { masks_[at].bits = allowed(state, kNever, &masks_[at].most_left); });
    return masks_[at];
  }

  ByteDfa dfa_;
  TokenTexts texts_;
  std::string separator_;
  State start_ = kDead;
  std::vector<std::int64_t> tokens_left_;  // by state
  mutable std::unique_ptr<std::once_flag[]> made_;
  mutable std::vector<Mask> masks_;  // by state, each made once
};

}  // namespace

bool regex_matches(std::string_view pattern, std::string_view text) {
  const ByteDfa dfa(pattern);
  if (dfa.start() == ByteDfa::kDead) return false;
  const ByteDfa::State state = dfa.run(dfa.start(), text);
  return state != ByteDfa::kDead && dfa.is_accepting(state);
}

std::shared_ptr<const TokenAutomaton> regex_automaton(std::string_view pattern, std::vector<std::string> token_texts,
                                                      const std::string& separator) {
  return std::make_shared<RegexAutomaton>(pattern, std::move(token_texts), separator);
}

}  // namespace pyseq
