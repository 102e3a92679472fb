#include "decode/constraints/joint_lookahead.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

namespace pyseq {
namespace {

constexpr float kBanned = -std::numeric_limits<float>::infinity();
// Bounds of an exploration: some ten milliseconds for small vocabularies, half a second at most.
constexpr std::size_t kMostNodes = 20'000;
constexpr std::int64_t kMostVisits = 5'000'000;

}  // namespace

/// Where the tokens lead from one joint state. Tokens of no phrase that lead all automata to the same states lead to
/// the same joint state, which is looked up once.
class JointLookahead::Successors {
 public:
  Successors(const JointLookahead& joint, const Key& key)
      : joint_(joint), key_(key), automata_(joint.automata_.size()) {
    after_other_ = phrases_after(-1);
  }

  /// The joint state behind `token`, made by find(key); kNone where an automaton is dead. `first` is the state of the
  /// first automaton behind it, where that is known.
  template <class Find>
  Node behind(std::int64_t token, std::optional<std::int64_t> first, const Find& find) {
    std::vector<std::int64_t> states(automata_);
    for (std::size_t i = 0; i < automata_; ++i) {
      states[i] = i == 0 && first ? *first : joint_.automata_[i]->next(key_[i], token);
      if (states[i] == TokenAutomaton::kDead) return kNone;
    }
    const bool is_other = !std::binary_search(joint_.phrase_tokens_.begin(), joint_.phrase_tokens_.end(), token);
    if (is_other) {
      const auto found = known_.find(states);
      if (found != known_.end()) return found->second;
    }
    Key next = states;
    const Phrases::State phrases = is_other ? after_other_ : phrases_after(token);
    next.insert(next.end(), phrases.begin(), phrases.end());
    next.push_back(std::max<std::int64_t>(0, key_.back() - 1));
    const Node node = find(next);
    if (is_other) known_.emplace(std::move(states), node);
    return node;
  }

 private:
  Phrases::State phrases_after(std::int64_t token) const {
    Phrases::State met;
    for (std::size_t i = automata_; i + 1 < key_.size(); ++i) met.push_back(static_cast<std::int32_t>(key_[i]));
    return joint_.phrases_.next(met, token);
  }

  const JointLookahead& joint_;
  const Key& key_;
  std::size_t automata_;
  Phrases::State after_other_;
  std::map<std::vector<std::int64_t>, Node> known_;
};

/// Breadth first from the start over all tokens, then back from what is accepted.
class JointLookahead::Explorer {
 public:
  explicit Explorer(JointLookahead& joint) : joint_(joint) {}

  bool explore(const Key& start) {
    joint_.start_ = intern(start);
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      expand(static_cast<Node>(i));
      if (keys_.size() > kMostNodes || visits_ > kMostVisits) return false;
    }
    measure();
    return true;
  }

 private:
  Node intern(const Key& key) {
    const auto [found, is_new] = joint_.nodes_.emplace(key, static_cast<Node>(keys_.size()));
    if (is_new) {
      keys_.push_back(key);
      sources_.emplace_back();
    }
    return found->second;
  }

  void expand(Node node) {
    const Key key = keys_[at(node)];
    Successors successors(joint_, key);
    const auto visit = [&](std::int64_t token, std::optional<std::int64_t> first) {
      ++visits_;
      if (visits_ > kMostVisits || keys_.size() > kMostNodes || !joint_.may_come(token)) return;
      const Node next = successors.behind(token, first, [&](const Key& behind) { return intern(behind); });
      if (next != kNone && (sources_[at(next)].empty() || sources_[at(next)].back() != node)) {
        sources_[at(next)].push_back(node);
      }
    };
    if (!joint_.automata_.empty()) {
      joint_.automata_[0]->visit_next(key[0], [&](std::int64_t token, std::int64_t state) { visit(token, state); });
      return;
    }
    for (std::int64_t token = 0; token < joint_.vocabulary_; ++token) visit(token, std::nullopt);
  }

  void measure() {
    joint_.ways_.resize(keys_.size());
    std::vector<Node> order;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (!joint_.accepts(keys_[i])) continue;
      joint_.ways_[i].tokens_left = 0;
      order.push_back(static_cast<Node>(i));
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
      for (const Node source : sources_[at(order[i])]) {
        std::int64_t& left = joint_.ways_[at(source)].tokens_left;
        if (left != TokenAutomaton::kNever) continue;
        left = joint_.ways_[at(order[i])].tokens_left + 1;
        order.push_back(source);
      }
    }
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      for (const Node source : sources_[i]) {
        std::int64_t& most = joint_.ways_[at(source)].most_left;
        most = std::max(most, joint_.ways_[i].tokens_left);
      }
    }
  }

  JointLookahead& joint_;
  std::vector<Key> keys_;
  std::vector<std::vector<Node>> sources_;  // by node: those that a token leads from to it
  std::int64_t visits_ = 0;
};

std::shared_ptr<const JointLookahead> JointLookahead::make(const Automata& automata, const Phrases& phrases,
                                                           const Limits& limits, std::int64_t vocabulary,
                                                           std::int64_t end) {
  const bool has_banned = std::find(limits.banned.begin(), limits.banned.end(), true) != limits.banned.end();
  const std::size_t constraints = automata.size() + (phrases.empty() ? 0 : 1);
  const bool has_limits = has_banned || (limits.min_length > 0 && end != kNoEndMark);
  if (constraints == 0 || (constraints == 1 && !has_limits)) return nullptr;
  return std::shared_ptr<const JointLookahead>(new JointLookahead(automata, phrases, limits, vocabulary, end));
}

JointLookahead::JointLookahead(const Automata& automata, const Phrases& phrases, const Limits& limits,
                               std::int64_t vocabulary, std::int64_t end)
    : automata_(automata),
      phrases_(phrases),
      phrase_tokens_(phrases.tokens()),
      min_length_(end == kNoEndMark ? 0 : limits.min_length),
      max_length_(limits.max_length),
      vocabulary_(vocabulary),
      end_(end),
      banned_(limits.banned) {
  const auto name = [&](const std::string& text) { names_ += (names_.empty() ? "" : ", ") + text; };
  for (const auto& automaton : automata_) name(automaton->name());
  if (!phrases_.empty()) name("phrases");
  if (!banned_.empty()) name("tokens that are left");
  if (min_length_ > 0) name("min_length");

  std::vector<TokenAutomaton::State> states;
  for (const auto& automaton : automata_) states.push_back(automaton->start());
  Phrases::State met = phrases_.start();
  for (const std::int64_t token : limits.prefix) {
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i] != TokenAutomaton::kDead) states[i] = automata_[i]->next(states[i], token);
    }
    met = phrases_.next(met, token);
  }
  if (std::find(states.begin(), states.end(), TokenAutomaton::kDead) != states.end()) return;  // nothing is possible
  is_known_ = Explorer(*this).explore(key_of(states, met, static_cast<std::int64_t>(limits.prefix.size())));
  if (is_known_) return;
  nodes_.clear();
  ways_.clear();
}

bool JointLookahead::is_possible() const {
  return !is_known_ || (start_ != kNone && tokens_left(start_) <= max_length_);
}

JointLookahead::Key JointLookahead::key_of(std::span<const TokenAutomaton::State> states, const Phrases::State& phrases,
                                           std::int64_t length) const {
  Key key(states.begin(), states.end());
  key.insert(key.end(), phrases.begin(), phrases.end());
  key.push_back(std::max<std::int64_t>(0, min_length_ - length));
  return key;
}

bool JointLookahead::accepts(const Key& key) const {
  if (key.back() > 0) return false;
  Phrases::State met;
  for (std::size_t i = 0; i + 1 < key.size(); ++i) {
    if (i >= automata_.size()) {
      met.push_back(static_cast<std::int32_t>(key[i]));
    } else if (!automata_[i]->is_accepting(key[i])) {
      return false;
    }
  }
  return phrases_.is_met(met);
}

JointLookahead::Node JointLookahead::find(const Key& key) const {
  const auto found = nodes_.find(key);
  return found == nodes_.end() ? kNone : found->second;
}

std::int64_t JointLookahead::tokens_left(Node node) const {
  return node == kNone ? TokenAutomaton::kNever : ways_[at(node)].tokens_left;
}

void JointLookahead::restrict(std::span<const TokenAutomaton::State> states, const Phrases::State& phrases,
                              std::int64_t room, std::span<float> scores) const {
  const Key key = key_of(states, phrases, max_length_ - room);
  const Node node = find(key);
  if (node == kNone || ways_[at(node)].most_left < room) return;  // unknown, or every way is short enough
  Successors successors(*this, key);
  for (std::size_t token = 0; token < scores.size(); ++token) {
    const auto id = static_cast<std::int64_t>(token);
    if (std::isinf(scores[token]) || id == end_) continue;
    const Node next = successors.behind(id, std::nullopt, [&](const Key& behind) { return find(behind); });
    if (tokens_left(next) >= room) scores[token] = kBanned;
  }
}

}  // namespace pyseq
