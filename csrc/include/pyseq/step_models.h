// Step models made of step models: ensembles, and a language model that has a say (shallow fusion). And one made of
// what CTC says about the frames of a source.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "pyseq/decode.h"

namespace pyseq {

enum class EnsembleMean {
  probabilities,      // p = sum of weight * p_model
  log_probabilities,  // log p = sum of weight * log p_model, normalised
};

/// Several models of the same vocabulary that read the same tokens. `weights` are divided by their sum; empty: equal.
/// Attention is that of the first model that has any. ValueError: no model, or weights that do not fit.
class EnsembleStepModel final : public StepModel {
 public:
  EnsembleStepModel(std::vector<StepModel*> models, EnsembleMean mean = EnsembleMean::probabilities,
                    std::vector<double> weights = {});
  Tensor step(const Tensor& tokens, const RunLimits& limits) override;
  void reorder(std::span<const std::int64_t> parents) override;
  Tensor attention() const override;

 private:
  std::vector<StepModel*> models_;
  EnsembleMean mean_;
  std::vector<double> weights_;
};

/// score(token) = model_weight * log p_model(token) + weight * log p_language(token) (Gulcehre et al. 2015): not
/// normalised. The language model begins with `language_start` in the place of the model's start mark.
class FusedStepModel final : public StepModel {
 public:
  FusedStepModel(StepModel& model, StepModel& language_model, double weight,
                 std::optional<std::int64_t> language_start = std::nullopt, double model_weight = 1.0);
  Tensor step(const Tensor& tokens, const RunLimits& limits) override;
  void reorder(std::span<const std::int64_t> parents) override;
  Tensor attention() const override { return model_.attention(); }
  bool gives_scores() const override { return true; }

 private:
  Tensor language_tokens(const Tensor& tokens);

  StepModel& model_;
  StepModel& language_model_;
  double weight_, model_weight_;
  std::optional<std::int64_t> language_start_;
};

/// CTC as a model of the next token (Watanabe et al. 2017). With p(g...) the probability that the frames show labels
/// that begin with g, p(c | g) = p(gc...) / p(g...), and p(end | g) = p(g) / p(g...). Fused with an attention decoder's
/// probabilities, that is joint decoding. The first token of a row, the start mark, says nothing.
class CtcPrefixStepModel final : public StepModel {
 public:
  /// log_probs [sources, time, classes], lengths? [sources]: a row per source at first. Classes are tokens; the class
  /// of `end` never counts. ShapeError, DTypeError, ValueError: as for all that reads frames; `end` is no other class.
  CtcPrefixStepModel(Tensor log_probs, const Tensor& lengths, std::int64_t blank, std::int64_t end);
  /// IndexError: a token that is no class.
  Tensor step(const Tensor& tokens, const RunLimits& limits) override;
  void reorder(std::span<const std::int64_t> parents) override;

 private:
  /// What the frames of a source say about labels g.
  struct Prefix {
    std::int64_t source = 0, last = -1;  // -1: no label yet
    bool has_started = false;
    std::vector<double> label, blank;  // [time]: ln p(frames up to this one show g, and the last one its last label
                                       // or the blank)
    double log_prob = 0;               // ln p(g...)
  };
  Prefix empty_prefix(std::int64_t source) const;
  void extend(Prefix& prefix, std::int64_t token) const;
  void predict(const Prefix& prefix, float* log_probs) const;
  double reach(const Prefix& prefix, std::int64_t token, std::int64_t frame) const;
  const float* frame(const Prefix& prefix, std::int64_t time) const;
  std::int64_t length(const Prefix& prefix) const { return lengths_[static_cast<std::size_t>(prefix.source)]; }

  Tensor log_probs_;
  std::vector<std::int64_t> lengths_;
  std::int64_t blank_, end_;
  std::vector<Prefix> rows_;
};

}  // namespace pyseq
