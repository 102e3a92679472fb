// What the constraints of a beam lead to together.
#include "decode/beam.h"

#include <cmath>

namespace pyseq {
namespace {

/// [vocabulary] the tokens that options never let come; empty: there is none.
std::vector<bool> banned_tokens(const TokenOptions& options, std::span<const std::int64_t> own_vocabulary,
                                std::int64_t vocabulary) {
  std::vector<bool> banned(static_cast<std::size_t>(vocabulary));
  const auto ban = [&](std::int64_t token) { banned[static_cast<std::size_t>(token)] = true; };
  for (const std::int64_t token : options.suppress) ban(token);
  for (const auto& bias : options.biases) {
    if (std::isinf(bias.second)) ban(bias.first);
  }
  for (const std::span<const std::int64_t> only : {std::span(options.vocabulary), own_vocabulary}) {
    if (only.empty()) continue;
    std::vector<bool> others(banned.size(), true);
    for (const std::int64_t token : only) others[static_cast<std::size_t>(token)] = false;
    for (std::size_t token = 0; token < banned.size(); ++token) banned[token] = banned[token] || others[token];
  }
  for (const bool is_banned : banned) {
    if (is_banned) return banned;
  }
  return {};
}

}  // namespace

std::shared_ptr<const JointLookahead> Beam::joint_constraints(std::int64_t vocabulary) const {
  if (!constraints_) return nullptr;
  const DecodingOptions& options = setup_.options;
  JointLookahead::Limits limits{options.min_length, options.max_length,
                                banned_tokens(options.tokens, source_.vocabulary, vocabulary)};
  if (options.prefix_bias == 0) limits.prefix = source_.prefix;
  return JointLookahead::make(constraints_->automata(), constraints_->phrases(), limits, vocabulary, setup_.marks.end);
}

void Beam::look_ahead(const std::shared_ptr<const JointLookahead>& joint) {
  if (constraints_) constraints_->look_ahead(joint);
}

}  // namespace pyseq
