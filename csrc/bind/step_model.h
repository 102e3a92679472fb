// Step models that Python hands to the decoder: the step function of a program, or any Python object.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bind/arrays.h"
#include "bind/program.h"
#include "pyseq/decode.h"
#include "pyseq/step_models.h"

namespace pyseq {

/// ProgramStepModel as Python holds it. It keeps the session alive and reserves it for as long as a search runs.
class PyProgramStepModel {
 public:
  /// The state is cloned: the caller's stays as it is.
  PyProgramStepModel(std::shared_ptr<PySession> session, PyState& state, std::optional<AttentionSource> attention);

  struct Lease {
    PySession::Lease session;
    Exclusive<ProgramStepModel>::Lease model;
  };
  Lease lease() { return {session_->lease(), model_.lease()}; }

 private:
  std::shared_ptr<PySession> session_;
  Exclusive<ProgramStepModel> model_;
};

template <>
inline constexpr const char* kExclusiveName<ProgramStepModel> = "ProgramStepModel";

/// A Python object with step(tokens) -> logits, reorder(parents) and, if it has one, attention() -> array or None.
/// Takes the GIL for each call; what the object raises leaves the search unchanged.
class PythonStepModel final : public StepModel {
 public:
  explicit PythonStepModel(py::object object) : object_(std::move(object)) {}
  Tensor step(const Tensor& tokens, const RunLimits& limits) override;
  void reorder(std::span<const std::int64_t> parents) override;
  Tensor attention() const override;

 private:
  py::object object_;
};

/// ValueError: another name.
EnsembleMean ensemble_mean(const std::string& name);

/// What EnsembleStepModel is made of, as Python holds it; the step models in it are reserved when a search begins.
struct PyEnsemble {
  std::vector<py::object> models;
  EnsembleMean mean;
  std::vector<double> weights;
};

/// The same for FusedStepModel.
struct PyFusion {
  py::object model, language_model;
  double weight;
  std::optional<std::int64_t> language_start;
  double model_weight;
};

/// The same for CtcPrefixStepModel.
struct PyCtcPrefixes {
  Tensor log_probs, lengths;
  std::int64_t blank, end;
};

/// The step model behind a Python argument, reserved while this object lives.
class StepModelArgument {
 public:
  explicit StepModelArgument(const py::object& object);
  StepModel& model();

 private:
  void hold(const PyEnsemble& ensemble);
  void hold(const PyFusion& fusion);

  std::vector<std::unique_ptr<StepModelArgument>> parts_;  // of a mixture
  std::variant<std::monostate, PyProgramStepModel::Lease, PythonStepModel, EnsembleStepModel, FusedStepModel,
               CtcPrefixStepModel>
      held_;
};

}  // namespace pyseq
