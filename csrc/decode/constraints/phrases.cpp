#include "decode/constraints/phrases.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "pyseq/error.h"

namespace pyseq {
namespace {

// States that a search for overlaps may look at; beyond, phrases count as if they could not overlap.
constexpr std::size_t kMostStates = 10'000;

void sort_and_unite(std::vector<std::int64_t>& tokens) {
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
}

}  // namespace

Phrases::Phrases(std::vector<std::vector<std::int64_t>> phrases) : phrases_(std::move(phrases)) {
  for (std::size_t p = 0; p < phrases_.size(); ++p) {
    const std::vector<std::int64_t>& phrase = phrases_[p];
    if (phrase.empty()) throw ValueError("phrases: phrase " + std::to_string(p) + " is empty");
    num_tokens_ += static_cast<std::int64_t>(phrase.size());
    std::vector<std::int32_t> shorter(phrase.size() + 1, 0);
    for (std::size_t n = 1; n < phrase.size(); ++n) {
      std::int32_t length = shorter[n];
      while (length > 0 && phrase[static_cast<std::size_t>(length)] != phrase[n]) {
        length = shorter[static_cast<std::size_t>(length)];
      }
      shorter[n + 1] = phrase[static_cast<std::size_t>(length)] == phrase[n] ? length + 1 : 0;
    }
    shorter_.push_back(std::move(shorter));
  }
}

void Phrases::check(std::int64_t vocabulary, std::int64_t end, std::int64_t source) const {
  for (std::size_t p = 0; p < phrases_.size(); ++p) {
    for (const std::int64_t token : phrases_[p]) {
      const std::string where = "phrases: phrase " + std::to_string(p) + " of source " + std::to_string(source);
      if (token < 0 || token >= vocabulary) {
        throw IndexError(where + " has token " + std::to_string(token) + ", outside the model's vocabulary of " +
                         std::to_string(vocabulary));
      }
      if (token == end) throw ValueError(where + " contains the end mark (" + std::to_string(end) + ")");
    }
  }
}

std::int32_t Phrases::advance(std::size_t phrase, std::int32_t met, std::int64_t token) const {
  const std::vector<std::int64_t>& tokens = phrases_[phrase];
  if (met == static_cast<std::int32_t>(tokens.size())) return met;
  while (met > 0 && tokens[static_cast<std::size_t>(met)] != token)
    met = shorter_[phrase][static_cast<std::size_t>(met)];
  return tokens[static_cast<std::size_t>(met)] == token ? met + 1 : 0;
}

Phrases::State Phrases::next(const State& state, std::int64_t token) const {
  State result(state.size());
  for (std::size_t p = 0; p < state.size(); ++p) result[p] = advance(p, state[p], token);
  return result;
}

std::int64_t Phrases::tokens_met(const State& state) const {
  return std::accumulate(state.begin(), state.end(), std::int64_t{0});
}

std::int64_t Phrases::tokens_of_unmet(const State& state) const {
  std::int64_t result = 0;
  for (std::size_t p = 0; p < state.size(); ++p) {
    const auto size = static_cast<std::int64_t>(phrases_[p].size());
    if (state[p] != size) result += size;
  }
  return result;
}

std::vector<std::int64_t> Phrases::tokens() const {
  std::vector<std::int64_t> result;
  for (const auto& phrase : phrases_) result.insert(result.end(), phrase.begin(), phrase.end());
  sort_and_unite(result);
  return result;
}

std::vector<std::int64_t> Phrases::wanted(const State& state) const {
  std::vector<std::int64_t> result;
  for (std::size_t p = 0; p < state.size(); ++p) {
    const auto met = static_cast<std::size_t>(state[p]);
    if (met < phrases_[p].size()) result.push_back(phrases_[p][met]);
  }
  sort_and_unite(result);
  return result;
}

bool Phrases::fits(const State& state, std::int64_t room) const {
  // One phrase after the other, the one that is furthest first, is always a way; each alone takes what it lacks.
  std::int64_t one_by_one = 0, furthest = 0, longest = 0;
  for (std::size_t p = 0; p < state.size(); ++p) {
    const auto size = static_cast<std::int64_t>(phrases_[p].size());
    if (state[p] == size) continue;
    one_by_one += size;
    furthest = std::max<std::int64_t>(furthest, state[p]);
    longest = std::max(longest, size - state[p]);
  }
  if (one_by_one - furthest <= room) return true;
  return longest <= room && search_within(state, room);
}

/// Breadth first over the tokens that go on with a phrase: others never help.
bool Phrases::search_within(const State& state, std::int64_t room) const {
  std::set<State> seen{state};
  std::vector<State> layer{state};
  for (; room > 0 && !layer.empty(); --room) {
    std::vector<State> behind;
    for (const State& from : layer) {
      for (const std::int64_t token : wanted(from)) {
        State to = next(from, token);
        if (is_met(to)) return true;
        if (seen.size() == kMostStates) return false;
        if (seen.insert(to).second) behind.push_back(std::move(to));
      }
    }
    layer = std::move(behind);
  }
  return false;
}

}  // namespace pyseq
