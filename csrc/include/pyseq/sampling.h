// Drawing tokens from what a model predicts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pyseq/error.h"

namespace pyseq {

struct SamplingOptions {
  double temperature = 1.0;  // logits are divided by it; 0: always the most likely token
  std::int64_t top_k = 0;    // only the k most likely tokens; 0: all
  double top_p = 1.0;        // only the most likely tokens that together have this probability
  double min_p = 0.0;        // only tokens with at least this share of the largest probability
  std::uint64_t seed = 0;    // the same seed and stream draw the same tokens
  std::uint64_t stream = 0;  // one per request

  void validate() const;  // ValueError
};

/// Draws one token after another; draw n depends on seed, stream, n and the logits alone.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);

  struct Draw {
    std::int64_t token;
    float log_prob;  // of the model: before temperature and the other options
  };
  /// Error: a logit is NaN or +inf, or all of them are -inf.
  Draw draw(std::span<const float> logits);

 private:
  struct Candidate {
    double logit;
    std::int64_t token;
  };
  void choose_candidates(std::span<const float> logits);
  void weigh_candidates();

  SamplingOptions options_;
  std::uint64_t step_ = 0;
  std::vector<Candidate> candidates_;
  std::vector<double> weights_;
};

}  // namespace pyseq
