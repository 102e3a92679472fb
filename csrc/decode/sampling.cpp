#include "pyseq/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/philox.h"

namespace pyseq {
namespace {

void require(bool holds, const char* name, double value, const char* expected) {
  if (holds) return;
  throw ValueError("sampling: " + std::string(name) + " is " + std::to_string(value) + ", expected " + expected);
}

float largest_logit(std::span<const float> logits) {
  float largest = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i]) || logits[i] == std::numeric_limits<float>::infinity()) {
      throw Error("sampling: the logit of token " + std::to_string(i) + " is " + std::to_string(logits[i]));
    }
    largest = std::max(largest, logits[i]);
  }
  if (std::isinf(largest)) throw Error("sampling: no token has a finite logit");
  return largest;
}

float log_probability(std::span<const float> logits, std::size_t token, float largest) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return static_cast<float>(static_cast<double>(logits[token]) - largest - std::log(sum));
}

}  // namespace

void SamplingOptions::validate() const {
  require(std::isfinite(temperature) && temperature >= 0, "temperature", temperature, "0 or more");
  require(top_k >= 0, "top_k", static_cast<double>(top_k), "0 (all tokens) or more");
  require(top_p > 0 && top_p <= 1, "top_p", top_p, "more than 0, at most 1");
  require(min_p >= 0 && min_p <= 1, "min_p", min_p, "0 to 1");
}

Sampler::Sampler(const SamplingOptions& options) : options_(options) {
  options.validate();
}

Sampler::Draw Sampler::draw(std::span<const float> logits) {
  const float largest = largest_logit(logits);
  std::size_t token = 0;
  if (options_.temperature == 0) {
    token = static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  } else {
    choose_candidates(logits);
    weigh_candidates();
    double total = 0;
    for (const double weight : weights_) total += weight;
    double rest = philox_uniform(options_.seed, options_.stream, step_) * total;
    std::size_t chosen = 0;
    while (chosen + 1 < weights_.size() && rest >= weights_[chosen]) rest -= weights_[chosen++];
    // Rounding may leave a rest behind the last token that has any weight.
    while (weights_[chosen] == 0) --chosen;
    token = static_cast<std::size_t>(candidates_[chosen].token);
  }
  ++step_;
  return {static_cast<std::int64_t>(token), log_probability(logits, token, largest)};
}

/// All tokens in their order, or the top_k of them (all for top_p) from the most likely one on; ties by their order.
void Sampler::choose_candidates(std::span<const float> logits) {
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    candidates_.push_back({static_cast<double>(logits[i]) / options_.temperature, static_cast<std::int64_t>(i)});
  }
  const auto size = static_cast<std::int64_t>(candidates_.size());
  const bool cut = options_.top_k > 0 && options_.top_k < size;
  if (!cut && options_.top_p >= 1) return;
  const auto more_likely = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  const auto kept = candidates_.begin() + (cut ? options_.top_k : size);
  std::partial_sort(candidates_.begin(), kept, candidates_.end(), more_likely);
  candidates_.erase(kept, candidates_.end());
}

/// Probabilities of the candidates up to a factor; zero for those that top_p and min_p leave out.
void Sampler::weigh_candidates() {
  double largest = -std::numeric_limits<double>::infinity();
  for (const Candidate& candidate : candidates_) largest = std::max(largest, candidate.logit);
  weights_.clear();
  double total = 0;
  for (const Candidate& candidate : candidates_) {
    weights_.push_back(std::exp(candidate.logit - largest));
    total += weights_.back();
  }
  double before = 0;  // probability of more likely tokens: candidates are sorted when top_p is below 1
  for (double& weight : weights_) {
    const double own = weight;
    if (options_.top_p < 1 && before >= options_.top_p * total) weight = 0;
    if (own < options_.min_p) weight = 0;
    before += own;
  }
}

}  // namespace pyseq
