// What TokenOptions say about the next token of one hypothesis: changes of its logits, before the softmax.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pyseq/decode.h"

namespace pyseq {

class TokenRules {
 public:
  TokenRules(const DecodingOptions& options, const Marks& marks);

  /// Where in the target a token stands.
  struct Position {
    std::span<const std::int64_t> history;     // the tokens before it, those of a prompt and forced ones among them
    std::int64_t length;                       // of the hypothesis before it
    bool is_first;                             // of those that are not forced
    bool bans_end;                             // whatever min_length says
    std::span<const std::int64_t> vocabulary;  // of the source; empty: no restriction
  };
  /// Whether apply() would change anything; then `history` is not needed.
  bool concern(const Position& position) const;
  /// logits[vocabulary] of the tokens that may follow.
  void apply(const Position& position, std::span<float> logits) const;
  /// Which option makes `token` impossible, by its name; nothing: none does.
  std::string reason(const Position& position, std::span<const float> logits, std::int64_t token) const;

 private:
  void forbid_repeated_ngrams(std::span<const std::int64_t> history, std::span<float> logits) const;
  void forbid_sequences(std::span<const std::int64_t> history, std::span<float> logits) const;
  void penalise_repetition(std::span<const std::int64_t> history, std::span<float> logits) const;
  void restrict(std::span<const std::int64_t> allowed, std::span<float> logits) const;
  bool forbids_end(const Position& position) const;

  const TokenOptions tokens_;
  const std::int64_t min_length_;
  const std::int64_t end_;
  bool always_;  // something to do at every position
};

}  // namespace pyseq
