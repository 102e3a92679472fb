#include "decode/beam.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "decode/log_probs.h"
#include "decode/token_automaton.h"

namespace pyseq {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

}  // namespace

Beam::Beam(const SearchSetup& setup, const SourceOptions& source, std::int64_t number, const Plan& plan)
    : setup_(setup), source_(source), number_(number), plan_(plan) {
  if (plan.sampling) sampler_.emplace(*plan.sampling);
  Row root;
  root.token = setup.marks.start;
  if (source.automaton) root.state = source.automaton->start();
  rows_.push_back(std::move(root));
}

Beam::Beam(const Beam& stem, std::size_t row, const Plan& plan) : Beam(stem) {
  plan_ = plan;
  Row only = rows_[row];
  rows_.assign(1, std::move(only));
}

bool Beam::is_forced() const {
  return setup_.options.prefix_bias == 0 && length_ < static_cast<std::int64_t>(source_.prefix.size());
}

void Beam::expand_next(std::int64_t width) {
  plan_.width = width;
  expands_ = true;
}

void Beam::advance(const StepAnswer& answer, std::int64_t first_row, std::span<const float> penalties) {
  first_row_ = first_row;
  observed_.clear();
  compute_log_probs(answer);
  if (setup_.options.top_tokens > 0) keep_top_tokens(answer.vocabulary);
  take(candidates(answer.vocabulary, penalties), answer);
  ++length_;
  expands_ = false;
  if (is_done()) rows_.clear();
  if (rows_.empty()) log_probs_ = {};
}

void Beam::stop() {
  for (const Row& row : rows_) finish(row, length_);
  rows_.clear();
}

std::string Beam::where() const {
  return "search: source " + std::to_string(number_) + ", target position " + std::to_string(length_);
}

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
  if (source_.automaton) source_.automaton->restrict(row.state, log_probs);
}

// The logits themselves, or a copy that is changed by the rules.
const float* Beam::edit(const Row& row, std::span<const float> logits) {
  const bool is_first =
      setup_.options.prefix_bias > 0 ? length_ == 0 : length_ == static_cast<std::int64_t>(source_.prefix.size());
  TokenRules::Position position{{}, is_first, expands_, source_.vocabulary};
  if (!setup_.rules.concern(length_, position)) return logits.data();
  tree_.tokens(row.node, history_);
  position.history = history_;
  edited_.assign(logits.begin(), logits.end());
  setup_.rules.apply(position, edited_);
  return edited_.data();
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

std::vector<Candidate> Beam::candidates(std::int64_t vocabulary, std::span<const float> penalties) {
  if (is_forced()) return {forced_candidate()};
  if (sampler_) return draw(vocabulary);
  const std::size_t count = 2 * static_cast<std::size_t>(plan_.width);
  if (!penalties.empty()) return penalised(vocabulary, penalties, count);
  std::vector<double> totals(rows_.size());
  std::transform(rows_.begin(), rows_.end(), totals.begin(), [](const Row& row) { return row.log_prob; });
  return top_candidates(totals, log_probs_.data(), vocabulary, count);
}

Candidate Beam::forced_candidate() const {  // the beam has one row until the prefix ends
  const std::int64_t token = source_.prefix[static_cast<std::size_t>(length_)];
  const double log_prob = rows_[0].log_prob + log_probs_[token];
  if (std::isinf(log_prob)) {
    throw ValueError("search: prefix " + std::to_string(number_) + " has token " + std::to_string(token) +
                     " at position " + std::to_string(length_) + ", to which the model gives no probability");
  }
  return {log_prob, token};
}

std::vector<Candidate> Beam::draw(std::int64_t vocabulary) {
  if (!has_finite_maximum(log_probs_.data(), vocabulary)) return {};
  const std::int64_t token = sampler_->draw(log_probs_).token;
  return {{rows_[0].log_prob + log_probs_[token], token}};
}

// Ranked with penalties; what comes back has the log probabilities without them in the same order.
std::vector<Candidate> Beam::penalised(std::int64_t vocabulary, std::span<const float> penalties,
                                       std::size_t count) const {
  std::vector<float> ranks(log_probs_.size());
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    ranks[i] = log_probs_[i] - penalties[i % static_cast<std::size_t>(vocabulary)];
  }
  std::vector<double> totals(rows_.size());
  std::transform(rows_.begin(), rows_.end(), totals.begin(), [](const Row& row) { return row.log_prob; });
  std::vector<Candidate> found = top_candidates(totals, ranks.data(), vocabulary, count);
  for (Candidate& candidate : found) {
    candidate.log_prob = rows_[candidate.index / vocabulary].log_prob + log_probs_[candidate.index];
  }
  return found;
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

void Beam::take(std::span<const Candidate> candidates, const StepAnswer& answer) {
  const std::size_t taken = std::min(candidates.size(), static_cast<std::size_t>(plan_.width));
  const bool last_step = length_ + 1 == setup_.options.max_length;
  const auto ends = [&](const Candidate& candidate) { return candidate.index % answer.vocabulary == setup_.marks.end; };
  const auto observe_untaken = [&](std::size_t begin, std::size_t end) {
    if (setup_.options.observer == nullptr) return;
    for (std::size_t k = begin; k < end; ++k) {
      observe(candidates[k], answer.vocabulary, TokenTree::kRoot,
              ends(candidates[k]) ? Fate::ended_outside : Fate::outside);
    }
  };

  std::vector<Row> next;
  std::size_t substitute = taken;  // where the search for the next candidate of the other half begins
  for (std::size_t k = 0; k < taken; ++k) {
    std::size_t kept = k;
    if (ends(candidates[k]) || last_step) {
      const Row row = extend(candidates[k], answer);
      finish(row, length_ + 1);
      observe(candidates[k], answer.vocabulary, row.node, Fate::finished);
      best_has_ended_ |= k == 0;
      const std::size_t begin = substitute;
      while (substitute < candidates.size() && ends(candidates[substitute])) ++substitute;
      observe_untaken(begin, substitute);
      if (last_step || substitute == candidates.size()) continue;
      kept = substitute++;
    }
    next.push_back(extend(candidates[kept], answer));
    observe(candidates[kept], answer.vocabulary, next.back().node, Fate::alive);
  }
  observe_untaken(substitute, candidates.size());
  rows_ = std::move(next);
}

Beam::Row Beam::extend(const Candidate& candidate, const StepAnswer& answer) {
  const std::int64_t parent = candidate.index / answer.vocabulary;
  const Row& before = rows_[static_cast<std::size_t>(parent)];
  Row row;
  row.parent = parent;
  row.token = candidate.index % answer.vocabulary;
  row.log_prob = candidate.log_prob;
  row.node = tree_.extend({before.node, row.token, first_row_ + parent, log_probs_[candidate.index]});
  if (source_.automaton && row.token != setup_.marks.end) row.state = source_.automaton->next(before.state, row.token);
  row.follows_prefix = before.follows_prefix && length_ < static_cast<std::int64_t>(source_.prefix.size()) &&
                       row.token == source_.prefix[static_cast<std::size_t>(length_)];
  if (setup_.score.needs_coverage()) {
    const float* attention = answer.attention + parent * answer.positions;
    row.coverage = before.coverage;
    row.coverage.resize(static_cast<std::size_t>(answer.positions));
    for (std::int64_t i = 0; i < answer.positions; ++i) row.coverage[static_cast<std::size_t>(i)] += attention[i];
  }
  return row;
}

void Beam::finish(const Row& row, std::int64_t length) {
  finished_.push_back({row.node, setup_.score(row.log_prob, length, row.coverage), row.log_prob});
}

void Beam::observe(const Candidate& candidate, std::int64_t vocabulary, TokenTree::Node node, Fate fate) {
  if (setup_.options.observer == nullptr) return;
  const Row& parent = rows_[static_cast<std::size_t>(candidate.index / vocabulary)];
  observed_.push_back({parent.node, node, candidate.index % vocabulary, candidate.log_prob, fate});
}

bool Beam::is_done() const {
  const DecodingOptions& options = setup_.options;
  const auto finished = static_cast<std::int64_t>(finished_.size());
  const bool has_penalty = options.length_penalty != 0 || options.coverage_penalty != 0;
  const auto automatic = has_penalty ? EarlyExit::patience : EarlyExit::first;
  switch (options.early_exit == EarlyExit::automatic ? automatic : options.early_exit) {
    case EarlyExit::automatic:
    case EarlyExit::first:
      return best_has_ended_ && finished >= plan_.wanted;
    case EarlyExit::patience: {
      const double width = static_cast<double>(plan_.width);
      return static_cast<double>(finished) >= (plan_.width == 1 ? 1.0 : std::round(width * options.patience));
    }
    case EarlyExit::bound:
      return finished >= plan_.wanted && is_beyond_reach();
    case EarlyExit::never:
      break;
  }
  return false;
}

// Whether nothing alive can come before the last of the wanted hypotheses.
bool Beam::is_beyond_reach() const {
  std::vector<double> scores;
  for (const Finished& finished : finished_) scores.push_back(finished.score);
  const auto last = scores.begin() + (plan_.wanted - 1);
  std::nth_element(scores.begin(), last, scores.end(), std::greater<>());
  return std::all_of(rows_.begin(), rows_.end(), [&](const Row& row) {
    return setup_.score.bound(row.log_prob, length_ + 1, setup_.options.max_length) <= *last;
  });
}

Hypothesis Beam::hypothesis(const Finished& finished, std::span<const Tensor> attention) const {
  std::vector<TokenTree::Entry> path = tree_.path(finished.node);
  Hypothesis result;
  result.score = finished.score;
  for (std::size_t t = 0; t < path.size(); ++t) {
    result.ids.push_back(path[t].token);
    result.token_log_probs.push_back(path[t].log_prob);
    if (top_tokens_.empty()) continue;
    const TopTokens& step = top_tokens_[t];
    result.top_tokens.push_back(step.rows[static_cast<std::size_t>(path[t].row - step.first_row)]);
  }
  result.finished = !path.empty() && path.back().token == setup_.marks.end;
  if (result.finished) {
    result.ids.pop_back();
    path.pop_back();
  }
  if (attention.empty() || !setup_.options.return_attention) return result;

  // The rows that predicted the tokens, one under the other.
  const std::int64_t positions = attention[0].size(1);
  result.attention = Tensor::empty(DType::float32, {static_cast<std::int64_t>(path.size()), positions});
  float* out = result.attention.mutable_data<float>();
  for (std::size_t t = 0; t < path.size(); ++t) {
    out = std::copy_n(attention[t].data<float>() + path[t].row * positions, positions, out);
  }
  return result;
}

LiveHypothesis Beam::live(const Row& row) const {
  LiveHypothesis result;
  tree_.tokens(row.node, result.ids);
  result.log_prob = row.log_prob;
  result.score = setup_.score(row.log_prob, length_, row.coverage);
  return result;
}

LiveHypothesis Beam::live(const Finished& finished) const {
  LiveHypothesis result;
  tree_.tokens(finished.node, result.ids);
  if (!result.ids.empty() && result.ids.back() == setup_.marks.end) result.ids.pop_back();
  result.log_prob = finished.log_prob;
  result.score = finished.score;
  return result;
}

}  // namespace pyseq
