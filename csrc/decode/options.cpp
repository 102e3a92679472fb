#include <cmath>
#include <string>

#include "pyseq/decode.h"

namespace pyseq {
namespace {

void require(bool holds, const char* option, const std::string& got, const std::string& expected) {
  if (!holds) throw ValueError(std::string("decoding options: ") + option + " is " + got + ", expected " + expected);
}

void require(bool holds, const char* option, double got, const std::string& expected) {
  require(holds, option, std::to_string(got), expected);
}

void check_lengths(const DecodingOptions& options, std::int64_t vocabulary_size) {
  const std::string min_length = std::to_string(options.min_length);
  require(options.min_length >= 0, "min_length", min_length, "0 or more");
  require(options.max_length >= 0, "max_length", std::to_string(options.max_length), "0 (the default) or more");
  require(options.max_length == 0 || options.min_length <= options.max_length, "min_length", min_length,
          "at most max_length (" + std::to_string(options.max_length) + ")");
  require(options.min_length == 0 || vocabulary_size != 1, "min_length", min_length,
          "0 when the end mark is the whole vocabulary");
}

void check_scores(const DecodingOptions& options) {
  require(std::isfinite(options.length_penalty), "length_penalty", options.length_penalty, "a finite number");
  require(std::isfinite(options.coverage_penalty), "coverage_penalty", options.coverage_penalty, "a finite number");
  require(std::isfinite(options.patience) && options.patience > 0, "patience", options.patience, "a positive number");
  const bool uses_patience = options.early_exit == EarlyExit::automatic || options.early_exit == EarlyExit::patience;
  require(uses_patience || options.patience == 1, "patience", options.patience,
          "1 with an early exit that does not look at it");
}

void check_groups(const DecodingOptions& options) {
  const std::string groups = std::to_string(options.groups);
  require(options.groups >= 1 && options.beam_size % options.groups == 0, "groups", groups,
          "a divisor of beam_size (" + std::to_string(options.beam_size) + ")");
  require(std::isfinite(options.diversity_penalty) && options.diversity_penalty >= 0, "diversity_penalty",
          options.diversity_penalty, "0 or more");
  require(options.groups > 1 || options.diversity_penalty == 0, "diversity_penalty", options.diversity_penalty,
          "0 without groups");
}

void check_alternatives(const DecodingOptions& options) {
  const double least = options.min_alternative_prob;
  require(least >= 0 && least <= 1, "min_alternative_prob", least, "0 to 1");
  require(options.alternatives || least == 0, "min_alternative_prob", least, "0 without alternatives");
  require(!options.alternatives || options.groups == 1, "groups", std::to_string(options.groups),
          "1 with alternatives");
  require(!options.alternatives || options.prefix_bias == 0, "prefix_bias", options.prefix_bias, "0 with alternatives");
}

void check_sampling(const DecodingOptions& options) {
  if (!options.sampling) return;
  options.sampling->validate();
  const auto with_sampling = [](bool holds, const char* option, const std::string& got, const std::string& expected) {
    require(holds, option, got, expected + " with sampling");
  };
  with_sampling(options.beam_size == 1, "beam_size", std::to_string(options.beam_size), "1");
  with_sampling(options.groups == 1, "groups", std::to_string(options.groups), "1");
  with_sampling(!options.alternatives, "alternatives", "set", "none");
  with_sampling(options.early_exit == EarlyExit::automatic, "early_exit", "set", "the default");
}

// How many hypotheses a search gives at most, unless it draws them or gives alternatives.
void check_n_best(const DecodingOptions& options) {
  const std::string n_best = std::to_string(options.n_best);
  require(options.beam_size >= 1, "beam_size", std::to_string(options.beam_size), "at least 1");
  if (options.sampling || options.alternatives) return require(options.n_best >= 1, "n_best", n_best, "at least 1");
  require(options.n_best >= 1 && options.n_best <= options.beam_size, "n_best", n_best,
          "1 to beam_size (" + std::to_string(options.beam_size) + ")");
}

void check_patience(const DecodingOptions& options) {
  if (options.beam_size == 1 || options.sampling || options.alternatives) return;
  const double finished = options.groups * std::round(options.beam_size / options.groups * options.patience);
  require(options.n_best <= finished, "n_best", std::to_string(options.n_best),
          "at most beam_size * patience (" + std::to_string(static_cast<std::int64_t>(finished)) + ")");
}

}  // namespace

void TokenOptions::validate() const {
  require(std::isfinite(repetition_penalty) && repetition_penalty > 0, "repetition_penalty", repetition_penalty,
          "a positive number");
  require(no_repeat_ngram >= 0, "no_repeat_ngram", std::to_string(no_repeat_ngram), "0 (none) or more");
  for (const std::vector<std::int64_t>& sequence : suppress_sequences) {
    require(!sequence.empty(), "suppress_sequences", "a list with an empty sequence", "at least one token in each");
  }
  for (const auto& bias : biases) {
    require(!std::isnan(bias.second) && bias.second < HUGE_VAL, "biases", bias.second,
            "finite numbers, or minus infinity");
  }
}

void DecodingOptions::validate(std::int64_t vocabulary_size) const {
  check_n_best(*this);
  check_scores(*this);
  check_groups(*this);
  check_patience(*this);
  check_alternatives(*this);
  check_sampling(*this);
  check_lengths(*this, vocabulary_size);
  require(prefix_bias >= 0 && prefix_bias < 1, "prefix_bias", prefix_bias, "0 or more, less than 1");
  require(top_tokens >= 0, "top_tokens", std::to_string(top_tokens), "0 (none) or more");
  tokens.validate();
}

}  // namespace pyseq
