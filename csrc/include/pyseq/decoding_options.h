// How to search: what a hypothesis is worth, which tokens may come, when a search stops, and what it tells.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "pyseq/constraints.h"
#include "pyseq/runtime.h"
#include "pyseq/sampling.h"

namespace pyseq {

class SearchObserver;
struct SearchProgress;

/// What the log probability of a hypothesis is divided by, with alpha = length_penalty.
enum class LengthNormalization {
  power,  // length ** alpha
  gnmt,   // ((5 + length) / 6) ** alpha (Wu et al. 2016)
};

/// When a source is done, unless no hypothesis is left that could go on. "Enough" is n_best.
enum class EarlyExit {
  automatic,  // `first` without length and coverage penalties, `patience` with one of them (as CTranslate2)
  first,      // the likeliest continuation has ended once, and enough hypotheses are finished
  patience,   // round(beam_size * patience) hypotheses are finished; a beam of 1: the first one is
  bound,      // enough are finished, and nothing alive can still become better than the last of the n best
  never,      // at max_length only
};

/// Which tokens may come. All of it changes logits, before the softmax: what is forbidden leaves its probability to the
/// others. Forced tokens are not touched. In this order: biases, repetition penalty, then everything that forbids.
struct TokenOptions {
  std::vector<std::pair<std::int64_t, double>> biases;        // (token, what is added to its logit; -inf forbids it)
  double repetition_penalty = 1.0;                            // tokens of the hypothesis: logits > 0 are divided by it,
                                                              // others multiplied (Keskar et al. 2019)
  std::int64_t no_repeat_ngram = 0;                           // no n tokens in a row come twice; 0: they may
  std::vector<std::int64_t> suppress;                         // never
  std::vector<std::int64_t> suppress_first;                   // not as the first token that is not forced
  std::vector<std::vector<std::int64_t>> suppress_sequences;  // never one after the other
  std::vector<std::int64_t> vocabulary;                       // only these, and the end mark; empty: all

  void validate() const;  // ValueError
};

enum class Verdict { proceed, stop_source, stop_all };

struct DecodingOptions {
  int beam_size = 1;  // 1: greedy
  int n_best = 1;     // hypotheses returned, at most beam_size (and beam_size * patience)

  // The score of a hypothesis: log probability / normaliser(length, the end mark counted)
  // + coverage_penalty * sum over source positions of log(min(attention that they got, 1)).
  double length_penalty = 0.0;
  LengthNormalization length_normalization = LengthNormalization::power;
  double coverage_penalty = 0.0;  // needs a model with attention

  EarlyExit early_exit = EarlyExit::automatic;
  double patience = 1.0;
  std::int64_t min_length = 0;  // tokens before the end mark is allowed (forced prefix counted)
  std::int64_t max_length = 0;  // tokens before a hypothesis is cut; 0: the model's own default, or 256

  TokenOptions tokens;
  // All of them accept every hypothesis. Unlike what `tokens` forbid, what they do not allow keeps its probability:
  // scores are those of the model. A hypothesis that is cut at max_length is accepted as it is.
  std::vector<std::shared_ptr<const TokenAutomaton>> allowed;

  // Diverse beam search (Vijayakumar et al. 2016): groups of beam_size / groups hypotheses. In each step a group ranks
  // a token lower by diversity_penalty for every time that an earlier group has just taken it. Scores do not change.
  int groups = 1;
  double diversity_penalty = 0.0;

  // Above 0, below 1: prefixes are not forced. As long as a hypothesis follows its prefix, a share of this size of the
  // probability is given to the prefix's next token.
  double prefix_bias = 0.0;

  // The n_best likeliest tokens after the prefix (the end mark is none of them) go on each for itself; hypotheses come
  // in the order of these tokens. Those less likely than min_alternative_prob are left out.
  bool alternatives = false;
  double min_alternative_prob = 0.0;

  // Tokens are drawn, n_best times independently of each other; beam_size is 1. Source i, hypothesis h draw from the
  // stream sampling.stream + i + (h << 32) of sampling.seed, or of the source's own seed (then without i).
  std::optional<SamplingOptions> sampling;

  bool return_attention = false;
  int top_tokens = 0;  // likeliest tokens given for every token of a hypothesis

  /// Asked after every step for every source that took part in it; stopping keeps what there is.
  std::function<Verdict(const SearchProgress&)> on_step;
  bool trace = false;                  // hypotheses carry a SearchTrace (pyseq/search_trace.h)
  SearchObserver* observer = nullptr;  // sees every candidate; see csrc/decode/search_observer.h
  RunLimits limits;

  void validate(std::int64_t vocabulary_size = 0) const;  // ValueError; 0: the vocabulary is not known yet
};

/// What may differ from source to source.
struct SourceOptions {
  // Tokens before its hypotheses, a prompt: the model has read all but the last of them, which is fed first, in place
  // of the start mark. Repetition penalty, n-grams and suppressed sequences look at them, too.
  std::vector<std::int64_t> context;
  std::vector<std::int64_t> prefix;      // its hypotheses begin with it; part of ids, with log probabilities
  std::vector<std::int64_t> vocabulary;  // as TokenOptions::vocabulary, in addition to it
  std::optional<std::uint64_t> seed;     // of its draws
  std::optional<std::uint64_t> stream;   // the i of its draws; otherwise its place in the call, with a seed 0
  // Its hypotheses contain each of these, at any place. The beam is shared out between hypotheses that have met more
  // and fewer of their tokens (csrc/decode/constraints/beam_banks.h).
  std::vector<std::vector<std::int64_t>> phrases;
  std::vector<std::shared_ptr<const TokenAutomaton>> allowed;  // in addition to DecodingOptions::allowed
};

/// A hypothesis while the search goes on.
struct LiveHypothesis {
  std::vector<std::int64_t> ids;  // without start and end marks
  double log_prob = 0;
  double score = 0;
};

/// One source after a step.
struct SearchProgress {
  std::int64_t source = 0;
  std::int64_t length = 0;  // tokens of what is alive
  bool done = false;        // nothing is alive
  std::vector<LiveHypothesis> alive, finished;
};

}  // namespace pyseq
