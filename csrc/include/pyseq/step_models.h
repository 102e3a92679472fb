// Step models made of step models: ensembles, and a language model that has a say (shallow fusion).
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

/// score(token) = log p_model(token) + weight * log p_language(token) (Gulcehre et al. 2015): not normalised. The
/// language model begins with `language_start` in the place of the model's start mark.
class FusedStepModel final : public StepModel {
 public:
  FusedStepModel(StepModel& model, StepModel& language_model, double weight,
                 std::optional<std::int64_t> language_start = std::nullopt);
  Tensor step(const Tensor& tokens, const RunLimits& limits) override;
  void reorder(std::span<const std::int64_t> parents) override;
  Tensor attention() const override { return model_.attention(); }
  bool gives_scores() const override { return true; }

 private:
  Tensor language_tokens(const Tensor& tokens);

  StepModel& model_;
  StepModel& language_model_;
  double weight_;
  std::optional<std::int64_t> language_start_;
};

}  // namespace pyseq
