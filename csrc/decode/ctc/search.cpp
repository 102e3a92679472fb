#include "decode/ctc/search.h"

#include <algorithm>

#include "decode/ctc/log_space.h"

namespace pyseq {
namespace {

constexpr std::size_t kLeastCollection = 1 << 14;  // prefixes

const CtcTrail& better(const CtcTrail& a, const CtcTrail& b) {
  return b.log_prob > a.log_prob ? b : a;
}

template <typename Candidate>
bool is_better(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  if (a.beam != b.beam) return a.beam < b.beam;
  if (a.token != b.token) return a.token < b.token;
  return a.word < b.word;
}

}  // namespace

CtcSearch::CtcSearch(const CtcFusion& fusion)
    : fusion_(fusion),
      cache_(fusion.new_cache()),
      tokens_(fusion.options(), static_cast<std::int64_t>(fusion.vocabulary().texts.size()), fusion.vocabulary().blank,
              fusion.is_plain()),
      prefixes_(fusion.start()),
      next_collection_(kLeastCollection) {
  Beam root;
  root.label = kImpossible;
  root.label_trail.log_prob = kImpossible;
  root.bonus = prefixes_[CtcPrefixTree::kRoot].context.bonus;
  prefixes_[CtcPrefixTree::kRoot].place = 0;
  beams_.push_back(root);
}

void CtcSearch::step(const float* log_probs) {
  tokens_.choose(log_probs);
  candidates_.clear();
  threshold_ = best_ = kImpossible;
  stayed_.resize(beams_.size());
  first_child_.assign(beams_.size(), -1);
  next_child_.resize(beams_.size());
  for (std::size_t beam = 0; beam < beams_.size(); ++beam) stay(beam, log_probs);
  expand(log_probs);
  move_on(log_probs);
  ++frame_;
  if (static_cast<std::size_t>(prefixes_.size()) + times_.size() > next_collection_) collect();
}

/// The same prefix after this frame: a blank, its last token once more, or that token after its parent, which is in the
/// beam as well.
void CtcSearch::stay(std::size_t beam, const float* log_probs) {
  const Beam& old = beams_[beam];
  Beam& now = stayed_[beam];
  const double blank = log_probs[fusion_.vocabulary().blank] - fusion_.options().blank_penalty;
  const auto frame = static_cast<std::int32_t>(frame_);
  now = old;
  now.blank = old.total + blank;
  now.blank_trail = better(old.blank_trail, old.label_trail);
  now.blank_trail.log_prob += blank;
  if (old.token != CtcPrefix::kNone) {
    const double token = log_probs[old.token];
    now.label = old.label + token;
    now.label_trail.log_prob += token;
    now.label_trail.token_log_prob += token;
    now.label_trail.end = frame + 1;
    const std::int32_t place = prefixes_[prefixes_[old.node].parent].place;
    if (place != CtcPrefix::kNone) {
      const Beam& parent = beams_[static_cast<std::size_t>(place)];
      const bool repeats = parent.token == old.token;
      now.label = log_add(now.label, (repeats ? parent.blank : parent.total) + token);
      const CtcTrail& trail = repeats ? parent.blank_trail : better(parent.blank_trail, parent.label_trail);
      if (trail.log_prob + token > now.label_trail.log_prob) {
        times_.push_back({trail.time, frame, trail.end, trail.token_log_prob});
        now.label_trail = {trail.log_prob + token, token, static_cast<std::int32_t>(times_.size()) - 1, frame + 1};
      }
      next_child_[beam] = first_child_[static_cast<std::size_t>(place)];
      first_child_[static_cast<std::size_t>(place)] = static_cast<std::int32_t>(beam);
    }
  }
  now.total = log_add(now.blank, now.label);
  offer({now.total + now.bonus, static_cast<std::int32_t>(beam), CtcPrefix::kNone, CtcPrefix::kNone, 0});
}

bool CtcSearch::in_beam(std::size_t beam, std::int32_t token, std::int32_t word) const {
  for (std::int32_t child = first_child_[beam]; child >= 0; child = next_child_[static_cast<std::size_t>(child)]) {
    const Beam& other = beams_[static_cast<std::size_t>(child)];
    if (other.token == token && prefixes_[other.node].word == word) return true;
  }
  return false;
}

/// Takes a candidate that may be among the best. Twice the beam is collected before it is cut back: selection then
/// costs a constant per candidate.
void CtcSearch::offer(const Candidate& candidate) {
  if (!(candidate.score > threshold_)) return;
  candidates_.push_back(candidate);
  if (candidate.score > best_) {
    best_ = candidate.score;
    threshold_ = std::max(threshold_, best_ - fusion_.options().beam_threshold);
  }
  if (candidates_.size() >= 2 * static_cast<std::size_t>(fusion_.options().beam_size)) keep_best();
}

void CtcSearch::keep_best() {
  const auto count = static_cast<std::size_t>(fusion_.options().beam_size);
  if (candidates_.size() > count) {
    const auto worst = candidates_.begin() + static_cast<std::ptrdiff_t>(count) - 1;
    std::nth_element(candidates_.begin(), worst, candidates_.end(), is_better<Candidate>);
    threshold_ = std::max(threshold_, worst->score);
    candidates_.resize(count);
  }
}

void CtcSearch::expand(const float* log_probs) {
  for (std::size_t beam = 0; beam < beams_.size(); ++beam) {
    if (fusion_.is_plain()) {
      expand_plain(beam);
    } else if (fusion_.lexicon() != nullptr) {
      expand_lexicon(beam, log_probs);
    } else {
      expand_free(beam);
    }
  }
}

void CtcSearch::expand_plain(std::size_t beam) {
  const Beam& old = beams_[beam];
  for (const auto& [log_prob, token] : tokens_.entries()) {
    if (!(old.total + log_prob > threshold_)) break;  // nor do less likely ones
    const double score = (token == old.token ? old.blank : old.total) + log_prob;
    if (!(score > threshold_) || in_beam(beam, token, CtcPrefix::kNone)) continue;
    offer({score, static_cast<std::int32_t>(beam), token, CtcPrefix::kNone, CtcLexicon::kRoot});
  }
}

void CtcSearch::expand_free(std::size_t beam) {
  const Beam& old = beams_[beam];
  const CtcContext& context = prefixes_[old.node].context;
  const double most = old.bonus + fusion_.most_gain(context, CtcLexicon::kRoot, true);
  for (const auto& [log_prob, token] : tokens_.entries()) {
    if (!(old.total + log_prob + most > threshold_)) break;
    const double total = (token == old.token ? old.blank : old.total) + log_prob;
    if (!(total + most > threshold_) || in_beam(beam, token, CtcPrefix::kNone)) continue;
    const CtcMove move = move_of(old, token, CtcPrefix::kNone, CtcLexicon::kRoot);
    const double score = total + (old.bonus + fusion_.gain(prefixes_[old.node].context, move, cache_));
    offer({score, static_cast<std::int32_t>(beam), token, CtcPrefix::kNone, CtcLexicon::kRoot});
  }
}

void CtcSearch::expand_lexicon(std::size_t beam, const float* log_probs) {
  const Beam& old = beams_[beam];
  const CtcLexicon& lexicon = *fusion_.lexicon();
  const CtcContext context = prefixes_[old.node].context;
  const auto log_prob_of = [&](std::int32_t token) {
    return (token == old.token ? old.blank : old.total) + log_probs[token];
  };
  for (const auto& [token, node] : lexicon.children(context.lexicon)) {
    if (!tokens_.has(token)) continue;
    const double total = log_prob_of(token);
    if (!fusion_.has_separator()) finish_words(beam, token, total, lexicon.words(node));
    const bool goes_on = fusion_.has_separator() || !lexicon.children(node).empty();
    if (!goes_on || !(total + old.bonus + fusion_.most_gain(context, node, false) > threshold_)) continue;
    if (in_beam(beam, token, CtcPrefix::kNone)) continue;
    const double gain = fusion_.gain(context, {token, node, CtcMove::kNoWord}, cache_);
    offer({total + (old.bonus + gain), static_cast<std::int32_t>(beam), token, CtcPrefix::kNone, node});
  }
  const auto separator = static_cast<std::int32_t>(fusion_.vocabulary().separator);
  if (separator < 0 || !tokens_.has(separator)) return;
  const double total = log_prob_of(separator);
  finish_words(beam, separator, total, lexicon.words(context.lexicon));
  if (context.lexicon == CtcLexicon::kRoot && !in_beam(beam, separator, CtcPrefix::kNone)) {
    const double gain = fusion_.gain(context, {separator, CtcLexicon::kRoot, CtcMove::kNoWord}, cache_);
    offer(
        {total + (old.bonus + gain), static_cast<std::int32_t>(beam), separator, CtcPrefix::kNone, CtcLexicon::kRoot});
  }
}

/// Candidates whose token completes a word of the lexicon.
void CtcSearch::finish_words(std::size_t beam, std::int32_t token, double log_prob,
                             std::span<const std::int32_t> words) {
  const Beam& old = beams_[beam];
  const CtcContext context = prefixes_[old.node].context;
  if (words.empty()) return;
  if (!(log_prob + old.bonus + fusion_.most_gain(context, CtcLexicon::kRoot, true) > threshold_)) return;
  for (const std::int32_t word : words) {
    if (in_beam(beam, token, word)) continue;
    const CtcMove move{token, CtcLexicon::kRoot, fusion_.finished_word(word)};
    const double score = log_prob + (old.bonus + fusion_.gain(context, move, cache_));
    offer({score, static_cast<std::int32_t>(beam), token, word, CtcLexicon::kRoot});
  }
}

CtcMove CtcSearch::move_of(const Beam& beam, std::int32_t token, std::int32_t word, std::int32_t lexicon) {
  CtcMove move{token, lexicon, CtcMove::kNoWord};
  if (fusion_.lexicon() != nullptr) {
    if (word != CtcPrefix::kNone) move.finished = fusion_.finished_word(word);
  } else if (fusion_.begins_word(token)) {
    move.finished = spelled(beam.node);
  }
  return move;
}

/// The language model's number of the word that a prefix ends in, looked up once.
NgramModel::Word CtcSearch::spelled(std::int32_t node) {
  NgramModel::Word& word = prefixes_[node].spelled;
  if (word == CtcPrefix::kNotSpelled) word = unfinished_word(node);
  return word;
}

NgramModel::Word CtcSearch::unfinished_word(std::int32_t node) const {
  std::vector<std::int32_t> tokens;
  for (; node != CtcPrefixTree::kRoot; node = prefixes_[node].parent) {
    tokens.push_back(prefixes_[node].token);
    if (fusion_.begins_word(tokens.back())) break;
  }
  std::string text;
  while (!tokens.empty()) {
    text += fusion_.word_text(tokens.back());
    tokens.pop_back();
  }
  return text.empty() ? CtcMove::kNoWord : fusion_.find_word(text);
}

/// The best candidates become the beam, best first.
void CtcSearch::move_on(const float* log_probs) {
  keep_best();
  std::sort(candidates_.begin(), candidates_.end(), is_better<Candidate>);
  while (!candidates_.empty() && candidates_.back().score < best_ - fusion_.options().beam_threshold) {
    candidates_.pop_back();
  }
  next_.clear();
  for (const Candidate& candidate : candidates_) {
    next_.push_back(candidate.token == CtcPrefix::kNone ? stayed_[static_cast<std::size_t>(candidate.beam)]
                                                        : extended(candidate, log_probs));
  }
  for (const Beam& beam : beams_) prefixes_[beam.node].place = CtcPrefix::kNone;
  beams_.swap(next_);
  for (std::size_t place = 0; place < beams_.size(); ++place) {
    prefixes_[beams_[place].node].place = static_cast<std::int32_t>(place);
  }
}

CtcSearch::Beam CtcSearch::extended(const Candidate& candidate, const float* log_probs) {
  const Beam& parent = beams_[static_cast<std::size_t>(candidate.beam)];
  std::int32_t node = prefixes_.find(parent.node, candidate.token, candidate.word);
  if (node == CtcPrefix::kNone) {
    const CtcMove move = move_of(parent, candidate.token, candidate.word, candidate.lexicon);
    const CtcContext context =
        fusion_.is_plain() ? CtcContext{} : fusion_.extend(prefixes_[parent.node].context, move, cache_);
    node = prefixes_.add(parent.node, candidate.token, candidate.word, context);
  }
  const double log_prob = log_probs[candidate.token];
  const bool repeats = candidate.token == parent.token;
  const CtcTrail& trail = repeats ? parent.blank_trail : better(parent.blank_trail, parent.label_trail);
  const auto frame = static_cast<std::int32_t>(frame_);
  times_.push_back({trail.time, frame, trail.end, trail.token_log_prob});

  Beam beam;
  beam.node = node;
  beam.token = candidate.token;
  beam.blank = kImpossible;
  beam.label = beam.total = (repeats ? parent.blank : parent.total) + log_prob;
  beam.bonus = prefixes_[node].context.bonus;
  beam.blank_trail.log_prob = kImpossible;
  beam.label_trail = {trail.log_prob + log_prob, log_prob, static_cast<std::int32_t>(times_.size()) - 1, frame + 1};
  return beam;
}

/// Drops what no beam reaches any more.
void CtcSearch::collect() {
  std::vector<std::int32_t*> nodes, times;
  for (Beam& beam : beams_) {
    nodes.push_back(&beam.node);
    times.push_back(&beam.blank_trail.time);
    times.push_back(&beam.label_trail.time);
  }
  prefixes_.collect(nodes);
  collect_times(times_, times);
  next_collection_ = std::max(kLeastCollection, 2 * (static_cast<std::size_t>(prefixes_.size()) + times_.size()));
}

}  // namespace pyseq
