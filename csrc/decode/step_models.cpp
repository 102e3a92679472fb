#include "pyseq/step_models.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "decode/log_probs.h"

namespace pyseq {
namespace {

// What a model answers, as log probabilities (or its scores), in memory of its own. `vocabulary` is that of the models
// before, or 0.
Tensor log_probs_of(StepModel& model, const Tensor& tokens, const RunLimits& limits, const char* caller,
                    std::int64_t vocabulary) {
  const std::int64_t rows = tokens.size(0), time = tokens.size(1);
  const Tensor logits = model.step(tokens, limits);
  vocabulary = check_logits(caller, logits, rows, time, vocabulary);
  Tensor result = Tensor::empty(DType::float32, {rows, time, vocabulary});
  for (std::int64_t place = 0; place < rows * time; ++place) {
    const float* from = logits.data<float>() + place * vocabulary;
    float* to = result.mutable_data<float>() + place * vocabulary;
    bool is_good = true;
    if (model.gives_scores()) {
      is_good = has_finite_maximum(from, vocabulary);
      std::copy_n(from, vocabulary, to);
    } else {
      is_good = log_softmax_row(from, vocabulary, to);
    }
    if (!is_good) reject_logits(std::string(caller) + ": row " + std::to_string(place / time), from, vocabulary);
  }
  return result;
}

}  // namespace

EnsembleStepModel::EnsembleStepModel(std::vector<StepModel*> models, EnsembleMean mean, std::vector<double> weights)
    : models_(std::move(models)), mean_(mean), weights_(std::move(weights)) {
  if (models_.empty()) throw ValueError("ensemble: no model, expected at least one");
  if (weights_.empty()) weights_.assign(models_.size(), 1.0);
  if (weights_.size() != models_.size()) {
    throw ValueError("ensemble: " + std::to_string(weights_.size()) + " weights, expected one per model (" +
                     std::to_string(models_.size()) + ")");
  }
  for (const double weight : weights_) {
    if (std::isfinite(weight) && weight > 0) continue;
    throw ValueError("ensemble: a weight is " + std::to_string(weight) + ", expected a positive number");
  }
  for (const StepModel* model : models_) {
    if (model->gives_scores()) throw ValueError("ensemble: a model is fused, expected one that gives probabilities");
  }
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  for (double& weight : weights_) weight /= total;
}

Tensor EnsembleStepModel::step(const Tensor& tokens, const RunLimits& limits) {
  std::vector<Tensor> answers;
  std::int64_t vocabulary = 0;
  for (StepModel* model : models_) {
    answers.push_back(log_probs_of(*model, tokens, limits, "ensemble", vocabulary));
    vocabulary = answers.back().size(2);
  }
  Tensor result = Tensor::empty(DType::float32, answers[0].shape());
  float* out = result.mutable_data<float>();
  for (std::int64_t i = 0; i < result.num_elements(); ++i) {
    double sum = 0;
    for (std::size_t m = 0; m < models_.size(); ++m) {
      const double log_prob = answers[m].data<float>()[i];
      sum += weights_[m] * (mean_ == EnsembleMean::probabilities ? std::exp(log_prob) : log_prob);
    }
    out[i] = static_cast<float>(mean_ == EnsembleMean::probabilities ? std::log(sum) : sum);
  }
  return result;
}

void EnsembleStepModel::reorder(std::span<const std::int64_t> parents) {
  for (StepModel* model : models_) model->reorder(parents);
}

Tensor EnsembleStepModel::attention() const {
  for (const StepModel* model : models_) {
    Tensor attention = model->attention();
    if (attention.defined()) return attention;
  }
  return {};
}

FusedStepModel::FusedStepModel(StepModel& model, StepModel& language_model, double weight,
                               std::optional<std::int64_t> language_start, double model_weight)
    : model_(model),
      language_model_(language_model),
      weight_(weight),
      model_weight_(model_weight),
      language_start_(language_start) {
  const auto check = [](const char* name, double value) {
    if (std::isfinite(value) && value >= 0) return;
    throw ValueError("fusion: " + std::string(name) + " is " + std::to_string(value) + ", expected 0 or more");
  };
  check("weight", weight);
  check("model_weight", model_weight);
}

Tensor FusedStepModel::step(const Tensor& tokens, const RunLimits& limits) {
  Tensor scores = log_probs_of(model_, tokens, limits, "fusion", 0);
  const Tensor language =
      log_probs_of(language_model_, language_tokens(tokens), limits, "fusion, language model", scores.size(2));
  float* out = scores.mutable_data<float>();
  for (std::int64_t i = 0; i < scores.num_elements(); ++i) {
    // A weight of 0 leaves even what that model rules out.
    const double own = model_weight_ > 0 ? model_weight_ * out[i] : 0;
    out[i] = static_cast<float>(weight_ > 0 ? own + weight_ * language.data<float>()[i] : own);
  }
  return scores;
}

Tensor FusedStepModel::language_tokens(const Tensor& tokens) {
  if (!language_start_) return tokens;
  Tensor result = tokens.copy();
  for (std::int64_t row = 0; row < result.size(0); ++row) {
    result.mutable_data<std::int64_t>()[row * result.size(1)] = *language_start_;
  }
  language_start_.reset();  // the next tokens are the same for both
  return result;
}

void FusedStepModel::reorder(std::span<const std::int64_t> parents) {
  model_.reorder(parents);
  language_model_.reorder(parents);
}

}  // namespace pyseq
