#include "decode/beam.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "decode/log_probs.h"

namespace pyseq {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr std::size_t kObservedPerRow = 16;  // or as many as a step looks at, where that is more

}  // namespace

Beam::Beam(const SearchSetup& setup, const SourceOptions& source, std::int64_t number, const Plan& plan)
    : setup_(setup), source_(source), number_(number), plan_(plan) {
  if (plan.sampling) sampler_.emplace(*plan.sampling);
  if (!setup.options.allowed.empty() || !source.allowed.empty() || !source.phrases.empty()) {
    constraints_.emplace(setup.options.allowed, source.allowed, source.phrases, setup.marks.end);
  }
  Row root;
  root.token = setup.marks.start;
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
  penalties_ = penalties;
  observed_.clear();
  compute_log_probs(answer);
  if (setup_.options.top_tokens > 0) keep_top_tokens(answer.vocabulary);
  const std::vector<Candidate> found = candidates(answer.vocabulary, penalties);
  if (setup_.options.observer != nullptr) observe_others(found, answer);
  const auto others = static_cast<std::ptrdiff_t>(observed_.size());
  take(found, answer);
  std::rotate(observed_.begin(), observed_.begin() + others, observed_.end());  // those that were ranked come first
  ++length_;
  expands_ = false;
  is_done_early_ = is_done() && !rows_.empty();
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
  if (constraints_) constraints_->restrict(row.state, room(), log_probs);
}

// The logits themselves, or a copy that is changed by the rules.
const float* Beam::edit(const Row& row, std::span<const float> logits) {
  TokenRules::Position position = position_of_next();
  if (!setup_.rules.concern(length_, position)) return logits.data();
  tree_.tokens(row.node, history_);
  position.history = history_;
  edited_.assign(logits.begin(), logits.end());
  setup_.rules.apply(position, edited_);
  return edited_.data();
}

TokenRules::Position Beam::position_of_next() const {
  const bool is_first =
      setup_.options.prefix_bias > 0 ? length_ == 0 : length_ == static_cast<std::int64_t>(source_.prefix.size());
  return {history_, is_first, expands_, source_.vocabulary};
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
  std::vector<Candidate> found;
  if (!penalties.empty()) {
    found = penalised(vocabulary, penalties, count);
  } else {
    std::vector<double> totals(rows_.size());
    std::transform(rows_.begin(), rows_.end(), totals.begin(), [](const Row& row) { return row.log_prob; });
    found = top_candidates(totals, log_probs_.data(), vocabulary, count);
  }
  if (constraints_ && constraints_->has_phrases()) return spread_over_banks(std::move(found), vocabulary);
  return found;
}

double Beam::rank_of(const Candidate& candidate, std::int64_t vocabulary) const {
  return candidate.log_prob -
         (penalties_.empty() ? 0.0f : penalties_[static_cast<std::size_t>(candidate.index % vocabulary)]);
}

// Dynamic beam allocation: beside the best of the whole beam, every row proposes its best token and those that go on
// with a phrase; then the banks take turns.
std::vector<Candidate> Beam::spread_over_banks(std::vector<Candidate> found, std::int64_t vocabulary) const {
  std::set<std::int64_t> known;
  for (const Candidate& candidate : found) known.insert(candidate.index);
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const std::int64_t first = static_cast<std::int64_t>(row) * vocabulary;
    std::vector<std::int64_t> proposed = constraints_->wanted(rows_[row].state);
    const auto begin = log_probs_.begin() + first;
    proposed.push_back(std::max_element(begin, begin + vocabulary) - begin);
    for (const std::int64_t token : proposed) {
      const double log_prob = rows_[row].log_prob + log_probs_[static_cast<std::size_t>(first + token)];
      if (!std::isinf(log_prob) && known.insert(first + token).second) found.push_back({log_prob, first + token});
    }
  }
  std::sort(found.begin(), found.end(), [&](const Candidate& a, const Candidate& b) {
    const double rank_a = rank_of(a, vocabulary), rank_b = rank_of(b, vocabulary);
    return rank_a != rank_b ? rank_a > rank_b : a.index < b.index;
  });
  std::vector<std::int64_t> banks;
  for (const Candidate& candidate : found) {
    const Row& row = rows_[static_cast<std::size_t>(candidate.index / vocabulary)];
    banks.push_back(constraints_->bank(row.state, candidate.index % vocabulary));
  }
  return order_by_banks(found, banks);
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
  if (constraints_) row.state = constraints_->extend(before.state, row.token);
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
  ObservedCandidate observed;
  observed.parent = parent.node;
  observed.node = node;
  observed.token = candidate.index % vocabulary;
  observed.token_log_prob = log_probs_[static_cast<std::size_t>(candidate.index)];
  observed.log_prob = candidate.log_prob;
  observed.rank = rank_of(candidate, vocabulary);
  observed.fate = fate;
  if (fate == Fate::finished) observed.score = finished_.back().score;
  observed_.push_back(std::move(observed));
}

// The likeliest tokens of every row that were not even looked at: those that nothing left room for, and those that may
// not come.
void Beam::observe_others(std::span<const Candidate> found, const StepAnswer& answer) {
  std::set<std::int64_t> known;
  for (const Candidate& candidate : found) known.insert(candidate.index);
  const auto count = std::max<std::size_t>(kObservedPerRow, 2 * static_cast<std::size_t>(plan_.width));
  std::vector<float> raw(static_cast<std::size_t>(answer.vocabulary));
  const double nothing = 0;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const std::size_t first = row * static_cast<std::size_t>(answer.vocabulary);
    const std::span<const float> logits(answer.logits + first, raw.size());
    const bool are_log_probs = !answer.are_scores && log_softmax_row(logits.data(), answer.vocabulary, raw.data());
    if (!are_log_probs) std::copy(logits.begin(), logits.end(), raw.begin());
    for (const Candidate& likely : top_candidates({&nothing, 1}, raw.data(), answer.vocabulary, count)) {
      const std::int64_t index = static_cast<std::int64_t>(first) + likely.index;
      if (known.count(index) > 0) continue;
      ObservedCandidate other;
      other.parent = rows_[row].node;
      other.token = likely.index;
      const bool is_banned = !is_forced() && std::isinf(log_probs_[static_cast<std::size_t>(index)]);
      other.token_log_prob =
          is_banned ? raw[static_cast<std::size_t>(likely.index)] : log_probs_[static_cast<std::size_t>(index)];
      other.log_prob = rows_[row].log_prob + other.token_log_prob;
      other.rank = other.log_prob;
      other.fate = is_banned     ? Fate::banned
                   : is_forced() ? Fate::not_forced
                   : sampler_    ? Fate::not_drawn
                                 : Fate::outside;
      if (is_banned) other.rule = why_banned(rows_[row], logits, likely.index);
      observed_.push_back(std::move(other));
    }
  }
}

std::string Beam::why_banned(const Row& row, std::span<const float> logits, std::int64_t token) {
  tree_.tokens(row.node, history_);
  const std::string rule = setup_.rules.reason(position_of_next(), logits, token);
  if (!rule.empty() || !constraints_) return rule;
  return constraints_->reason(row.state, room(), token, static_cast<std::int64_t>(logits.size()));
}

// The best continuation of a beam with phrases is that of one bank alone: it may end while others could become better.
EarlyExit Beam::exit_rule() const {
  const DecodingOptions& options = setup_.options;
  if (options.early_exit != EarlyExit::automatic) return options.early_exit;
  if (options.length_penalty != 0 || options.coverage_penalty != 0) return EarlyExit::patience;
  return constraints_ && constraints_->has_phrases() ? EarlyExit::bound : EarlyExit::first;
}

bool Beam::is_done() const {
  const DecodingOptions& options = setup_.options;
  const auto finished = static_cast<std::int64_t>(finished_.size());
  switch (exit_rule()) {
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
