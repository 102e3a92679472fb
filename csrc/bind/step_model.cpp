#include "bind/step_model.h"

#include <algorithm>
#include <utility>

namespace pyseq {

PyProgramStepModel::PyProgramStepModel(std::shared_ptr<PySession> session, PyState& state,
                                       std::optional<AttentionSource> attention)
    : session_(std::move(session)),
      model_(std::in_place, *session_->lease(), state.lease()->clone(), std::move(attention)) {}

Tensor PythonStepModel::step(const Tensor& tokens, const RunLimits&) {
  const GilAcquire gil;
  const py::object logits = object_.attr("step")(array_from_tensor(tokens.copy()));
  return tensor_from_array(logits, "step", "logits");
}

void PythonStepModel::reorder(std::span<const std::int64_t> parents) {
  const GilAcquire gil;
  object_.attr("reorder")(array_from_tensor(Tensor::from({static_cast<std::int64_t>(parents.size())}, parents)));
}

Tensor PythonStepModel::attention() const {
  const GilAcquire gil;
  if (!py::hasattr(object_, "attention")) return {};
  const py::object weights = object_.attr("attention")();
  return weights.is_none() ? Tensor() : tensor_from_array(weights, "attention", "weights");
}

EnsembleMean ensemble_mean(const std::string& name) {
  if (name == "probabilities") return EnsembleMean::probabilities;
  if (name == "log_probabilities") return EnsembleMean::log_probabilities;
  throw ValueError("ensemble: mean is '" + name + "', expected 'probabilities' or 'log_probabilities'");
}

namespace {

void check_methods(const py::object& object) {
  for (const char* method : {"step", "reorder"}) {
    if (!py::hasattr(object, method)) {
      throw ValueError(std::string("step_model: ") + Py_TYPE(object.ptr())->tp_name + " has no method " + method +
                       ", expected a ProgramStepModel or an object with step(tokens) and reorder(parents)");
    }
  }
}

}  // namespace

StepModelArgument::StepModelArgument(const py::object& object) {
  if (py::isinstance<PyEnsemble>(object)) {
    hold(object.cast<const PyEnsemble&>());
  } else if (py::isinstance<PyFusion>(object)) {
    hold(object.cast<const PyFusion&>());
  } else if (py::isinstance<PyCtcPrefixes>(object)) {
    const auto& prefixes = object.cast<const PyCtcPrefixes&>();
    held_.emplace<CtcPrefixStepModel>(prefixes.log_probs, prefixes.lengths, prefixes.blank, prefixes.end);
  } else if (py::isinstance<PyProgramStepModel>(object)) {
    held_.emplace<PyProgramStepModel::Lease>(object.cast<PyProgramStepModel&>().lease());
  } else {
    check_methods(object);
    held_.emplace<PythonStepModel>(object);
  }
}

void StepModelArgument::hold(const PyEnsemble& ensemble) {
  std::vector<StepModel*> models;
  for (const py::object& object : ensemble.models) {
    parts_.push_back(std::make_unique<StepModelArgument>(object));
    models.push_back(&parts_.back()->model());
  }
  held_.emplace<EnsembleStepModel>(std::move(models), ensemble.mean, ensemble.weights);
}

void StepModelArgument::hold(const PyFusion& fusion) {
  for (const py::object& object : {fusion.model, fusion.language_model}) {
    parts_.push_back(std::make_unique<StepModelArgument>(object));
  }
  held_.emplace<FusedStepModel>(parts_[0]->model(), parts_[1]->model(), fusion.weight, fusion.language_start,
                                fusion.model_weight);
}

StepModel& StepModelArgument::model() {
  if (auto* lease = std::get_if<PyProgramStepModel::Lease>(&held_)) return *lease->model;
  if (auto* ensemble = std::get_if<EnsembleStepModel>(&held_)) return *ensemble;
  if (auto* fused = std::get_if<FusedStepModel>(&held_)) return *fused;
  if (auto* prefixes = std::get_if<CtcPrefixStepModel>(&held_)) return *prefixes;
  return std::get<PythonStepModel>(held_);
}

}  // namespace pyseq
