// The ways to cut a word into pieces: not at all, by merges of byte pair encoding, or into the likeliest pieces of a
// unigram model.
#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>
#include <unordered_map>
#include <utility>

#include "text/subwords.h"
#include "text/utf8.h"

namespace pyseq {
namespace {

using Ids = std::vector<std::int64_t>;
using TokenTable = std::unordered_map<std::string, std::int64_t>;

TokenTable table_of(std::span<const std::string> tokens) {
  TokenTable table;
  table.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) table.emplace(tokens[id], static_cast<std::int64_t>(id));
  return table;
}

[[noreturn]] void throw_unknown(std::string_view character) {
  throw IndexError("vocabulary: '" + std::string(character) + "' is not in it, and it has no unknown token");
}

// ---- Whole units.

class WholeEncoder : public SubwordEncoder {
 public:
  WholeEncoder(std::span<const std::string> tokens, std::optional<std::int64_t> unknown)
      : ids_(table_of(tokens)), unknown_(unknown) {}

  void encode(std::string_view unit, Ids& ids) const override {
    const auto found = ids_.find(std::string(unit));
    if (found == ids_.end() && !unknown_) throw_unknown(unit);
    ids.push_back(found == ids_.end() ? *unknown_ : found->second);
  }

 private:
  TokenTable ids_;
  std::optional<std::int64_t> unknown_;
};

// ---- Byte pair encoding (Sennrich et al., 2016): characters, then the best merge of neighbours again and again.

class MergeEncoder : public SubwordEncoder {
 public:
  MergeEncoder(std::span<const std::string> tokens, std::optional<std::int64_t> unknown, const SubwordRules& rules)
      : ids_(table_of(tokens)), unknown_(unknown) {
    const auto count = static_cast<std::int64_t>(tokens.size());
    for (std::size_t rank = 0; rank < rules.merges.size(); ++rank) {
      const auto& [left, right] = rules.merges[rank];
      const std::string where = "vocabulary: merge " + std::to_string(rank);
      if (left < 0 || left >= count || right < 0 || right >= count) {
        throw ValueError(where + " is of tokens " + std::to_string(left) + " and " + std::to_string(right) +
                         ", expected ids below " + std::to_string(count));
      }
      const auto found = ids_.find(tokens[left] + tokens[right]);
      if (found == ids_.end()) {
        throw ValueError(where + " makes '" + tokens[left] + tokens[right] + "', which is not a token");
      }
      merges_.emplace(key(left, right), Merge{static_cast<std::int64_t>(rank), found->second});
    }
  }

  void encode(std::string_view unit, Ids& ids) const override {
    std::vector<Symbol> symbols = characters_of(unit);
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    for (std::int64_t i = 0; i + 1 < static_cast<std::int64_t>(symbols.size()); ++i) offer(symbols, i, candidates);
    while (!candidates.empty()) {
      const Candidate best = candidates.top();
      candidates.pop();
      Symbol& left = symbols[static_cast<std::size_t>(best.place)];
      if (left.id < 0 || left.next < 0) continue;
      const Merge* merge = merge_at(symbols, best.place);
      if (merge == nullptr || merge->token != best.token) continue;  // a neighbour has been merged since
      Symbol& right = symbols[static_cast<std::size_t>(left.next)];
      left.id = merge->token;
      left.next = right.next;
      right.id = -1;
      if (left.next >= 0) {
        symbols[static_cast<std::size_t>(left.next)].previous = best.place;
        offer(symbols, best.place, candidates);
      }
      if (left.previous >= 0) offer(symbols, left.previous, candidates);
    }
    for (const Symbol& symbol : symbols) {
      if (symbol.id >= 0) ids.push_back(symbol.id);
    }
  }

 private:
  struct Merge {
    std::int64_t rank, token;
  };
  /// A piece of the word in a linked list; id -1: it has become part of the one before.
  struct Symbol {
    std::int64_t id, previous, next;
  };
  struct Candidate {
    std::int64_t rank, place, token;
    auto operator<=>(const Candidate&) const = default;
  };

  /// Ids are below 2^31: a table of as many strings does not fit into memory.
  static std::uint64_t key(std::int64_t left, std::int64_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint64_t>(right);
  }

  const Merge* merge_at(const std::vector<Symbol>& symbols, std::int64_t place) const {
    const Symbol& left = symbols[static_cast<std::size_t>(place)];
    if (left.next < 0) return nullptr;
    const auto found = merges_.find(key(left.id, symbols[static_cast<std::size_t>(left.next)].id));
    return found == merges_.end() ? nullptr : &found->second;
  }

  template <typename Queue>
  void offer(const std::vector<Symbol>& symbols, std::int64_t place, Queue& candidates) const {
    const Merge* merge = merge_at(symbols, place);
    if (merge != nullptr) candidates.push({merge->rank, place, merge->token});
  }

  /// Characters that are not in the table are unknown, neighbours of them together.
  std::vector<Symbol> characters_of(std::string_view unit) const {
    std::vector<Symbol> symbols;
    bool was_unknown = false;
    for (std::size_t offset = 0; offset < unit.size();) {
      const std::size_t bytes = decode_code_point(unit, offset).bytes;
      const std::string character(unit.substr(offset, bytes));
      offset += bytes;
      const auto found = ids_.find(character);
      const bool is_unknown = found == ids_.end();
      if (is_unknown && !unknown_) throw_unknown(character);
      if (is_unknown && was_unknown) continue;
      was_unknown = is_unknown;
      const auto place = static_cast<std::int64_t>(symbols.size());
      symbols.push_back({is_unknown ? *unknown_ : found->second, place - 1, place + 1});
    }
    if (!symbols.empty()) symbols.back().next = -1;
    return symbols;
  }

  TokenTable ids_;
  std::optional<std::int64_t> unknown_;
  std::unordered_map<std::uint64_t, Merge> merges_;
};

// ---- Unigram model (Kudo, 2018): the pieces whose scores (log probabilities) add up to the most.

class UnigramEncoder : public SubwordEncoder {
 public:
  UnigramEncoder(std::span<const std::string> tokens, std::optional<std::int64_t> unknown, const SubwordRules& rules)
      : unknown_(unknown) {
    double least = 0;
    for (std::size_t id = 0; id < tokens.size(); ++id) {
      const double score = rules.scores[id];
      if (std::isnan(score)) throw ValueError("vocabulary: the score of token " + std::to_string(id) + " is NaN");
      if (!std::isfinite(score) || tokens[id].empty()) continue;  // a mark: no text becomes it
      pieces_.push_back({tokens[id], score, static_cast<std::int64_t>(id)});
      least = std::min(least, score);
    }
    std::sort(pieces_.begin(), pieces_.end(), [](const Piece& a, const Piece& b) { return a.text < b.text; });
    unknown_score_ = least - kUnknownPenalty;
  }

  void encode(std::string_view unit, Ids& ids) const override {
    std::vector<Arrival> best(unit.size() + 1);
    best[0].score = 0;
    for (std::size_t begin = 0; begin < unit.size();) {
      const std::size_t next = begin + decode_code_point(unit, begin).bytes;
      bool has_character = false;
      for_each_piece(unit, begin, [&](const Piece& piece) {
        improve(best, begin, begin + piece.text.size(), piece.score, piece.id);
        has_character |= begin + piece.text.size() == next;
      });
      if (!has_character) improve(best, begin, next, unknown_score_, kNoPiece);
      begin = next;
    }
    append_path(unit, best, ids);
  }

 private:
  static constexpr double kUnknownPenalty = 10;  // below the worst piece
  static constexpr std::int64_t kNoPiece = -1;

  struct Piece {
    std::string text;
    double score;
    std::int64_t id;
  };
  /// The best way to the end of a prefix of the unit.
  struct Arrival {
    double score = -std::numeric_limits<double>::infinity();
    std::size_t begin = 0;  // of its last piece
    std::int64_t id = kNoPiece;
  };

  static void improve(std::vector<Arrival>& best, std::size_t begin, std::size_t end, double score, std::int64_t id) {
    const double total = best[begin].score + score;
    if (total > best[end].score) best[end] = {total, begin, id};
  }

  /// Pieces that begin at a place, shortest first: the sorted table is narrowed down byte by byte.
  template <typename Visit>
  void for_each_piece(std::string_view unit, std::size_t begin, Visit visit) const {
    auto first = pieces_.begin(), last = pieces_.end();
    for (std::size_t length = 0; begin + length < unit.size(); ++length) {
      const auto byte = static_cast<unsigned char>(unit[begin + length]);
      const auto byte_of = [length](const Piece& piece) { return static_cast<unsigned char>(piece.text[length]); };
      first = std::partition_point(
          first, last, [&](const Piece& piece) { return piece.text.size() <= length || byte_of(piece) < byte; });
      last = std::partition_point(first, last, [&](const Piece& piece) { return byte_of(piece) <= byte; });
      if (first == last) return;
      if (first->text.size() == length + 1) visit(*first);
    }
  }

  /// Unknown characters that stand together become one unknown token.
  void append_path(std::string_view unit, const std::vector<Arrival>& best, Ids& ids) const {
    Ids reversed;
    bool was_unknown = false;
    for (std::size_t end = unit.size(); end > 0; end = best[end].begin) {
      const bool is_unknown = best[end].id == kNoPiece;
      if (is_unknown && !unknown_) throw_unknown(unit.substr(best[end].begin, end - best[end].begin));
      if (!(is_unknown && was_unknown)) reversed.push_back(is_unknown ? *unknown_ : best[end].id);
      was_unknown = is_unknown;
    }
    ids.insert(ids.end(), reversed.rbegin(), reversed.rend());
  }

  std::vector<Piece> pieces_;
  std::optional<std::int64_t> unknown_;
  double unknown_score_ = 0;
};

}  // namespace

std::shared_ptr<const SubwordEncoder> make_subword_encoder(std::span<const std::string> tokens,
                                                           std::optional<std::int64_t> unknown,
                                                           const SubwordRules& rules) {
  if (rules.scores.empty() && rules.merges.empty()) return std::make_shared<WholeEncoder>(tokens, unknown);
  if (rules.scores.empty()) return std::make_shared<MergeEncoder>(tokens, unknown, rules);
  if (!rules.merges.empty()) throw ValueError("vocabulary: it has merges and scores, expected one of them");
  if (rules.scores.size() != tokens.size()) {
    throw ValueError("vocabulary: it has " + std::to_string(rules.scores.size()) + " scores, expected " +
                     std::to_string(tokens.size()) + ", one per token");
  }
  return std::make_shared<UnigramEncoder>(tokens, unknown, rules);
}

}  // namespace pyseq
