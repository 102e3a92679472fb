// What the next tokens of the rows of a beam are worth.
#include "decode/beam.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "decode/log_probs.h"

namespace pyseq {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

}  // namespace

void Beam::compute_log_probs(const StepAnswer& answer) {
  const auto vocabulary = static_cast<std::size_t>(answer.vocabulary);
  log_probs_.resize(rows_.size() * vocabulary);
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const std::size_t offset = row * vocabulary;
    edit_and_normalise(rows_[row], answer.logits + offset, answer.are_scores,
                       std::span(log_probs_).subspan(offset, vocabulary));
  }
}

// A row that options leave no token gets no probability anywhere: it has no candidates, and dies.
void Beam::edit_and_normalise(const Row& row, const float* logits, bool are_scores, std::span<float> log_probs) {
  const auto vocabulary = static_cast<std::int64_t>(log_probs.size());
  const float* edited = is_forced() ? logits : edit(row, {logits, log_probs.size()});
  const bool has_tokens =
      are_scores ? has_finite_maximum(edited, vocabulary) : log_softmax_row(edited, vocabulary, log_probs.data());
  if (!has_tokens) {
    if (edited == logits || !has_finite_maximum(logits, vocabulary)) reject_logits(where(), logits, vocabulary);
    std::fill(log_probs.begin(), log_probs.end(), kNever);
    return;
  }
  if (are_scores) std::copy_n(edited, vocabulary, log_probs.data());
  if (is_forced()) return;
  if (setup_.options.prefix_bias > 0 && row.follows_prefix) favour_prefix(log_probs);
  if (constraints_) constraints_->restrict(row.state, room(), log_probs);
}

// The logits themselves, or a copy that is changed by the rules.
const float* Beam::edit(const Row& row, std::span<const float> logits) {
  if (!setup_.rules.concern(position_of_next())) return logits.data();
  edited_.assign(logits.begin(), logits.end());
  setup_.rules.apply(position_after(row), edited_);
  return edited_.data();
}

TokenRules::Position Beam::position_of_next() const {
  const bool is_first =
      setup_.options.prefix_bias > 0 ? length_ == 0 : length_ == static_cast<std::int64_t>(source_.prefix.size());
  return {{}, length_, is_first, expands_, source_.vocabulary};
}

TokenRules::Position Beam::position_after(const Row& row) {
  tree_.tokens(row.node, history_);
  history_.insert(history_.begin(), source_.context.begin(), source_.context.end());
  TokenRules::Position position = position_of_next();
  position.history = history_;
  return position;
}

// p becomes (1 - bias) p, and the prefix's next token gets the rest.
void Beam::favour_prefix(std::span<float> log_probs) const {
  if (length_ >= static_cast<std::int64_t>(source_.prefix.size())) return;
  const double bias = setup_.options.prefix_bias;
  const auto discount = static_cast<float>(std::log1p(-bias));
  for (float& log_prob : log_probs) log_prob += discount;
  float& next = log_probs[static_cast<std::size_t>(source_.prefix[length_])];
  next = static_cast<float>(std::log(std::exp(static_cast<double>(next)) + bias));
}

void Beam::keep_top_tokens(std::int64_t vocabulary) {
  TopTokens kept{first_row_, {}};
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const float* log_probs = log_probs_.data() + row * static_cast<std::size_t>(vocabulary);
    const double nothing = 0;
    std::vector<TokenChoice> choices;
    for (const Candidate& best :
         top_candidates({&nothing, 1}, log_probs, vocabulary, static_cast<std::size_t>(setup_.options.top_tokens))) {
      choices.push_back({best.index, log_probs[best.index]});
    }
    kept.rows.push_back(std::move(choices));
  }
  top_tokens_.push_back(std::move(kept));
}

}  // namespace pyseq
