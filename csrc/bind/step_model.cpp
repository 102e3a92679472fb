#include "bind/step_model.h"

#include <algorithm>
#include <utility>

namespace pyseq {

PyProgramStepModel::PyProgramStepModel(std::shared_ptr<PySession> session, PyState& state,
                                       std::optional<AttentionSource> attention)
    : session_(std::move(session)),
      model_(std::in_place, *session_->lease(), state.lease()->clone(), std::move(attention)) {}

Tensor PythonStepModel::step(const Tensor& tokens, const RunLimits&) {
  const py::gil_scoped_acquire gil;
  const py::object logits = object_.attr("step")(array_from_tensor(tokens.copy()));
  return tensor_from_array(logits, "step", "logits");
}

void PythonStepModel::reorder(std::span<const std::int64_t> parents) {
  const py::gil_scoped_acquire gil;
  object_.attr("reorder")(array_from_tensor(Tensor::from({static_cast<std::int64_t>(parents.size())}, parents)));
}

Tensor PythonStepModel::attention() const {
  const py::gil_scoped_acquire gil;
  if (!py::hasattr(object_, "attention")) return {};
  const py::object weights = object_.attr("attention")();
  return weights.is_none() ? Tensor() : tensor_from_array(weights, "attention", "weights");
}

namespace {

std::variant<PyProgramStepModel::Lease, PythonStepModel> hold(const py::object& object) {
  if (py::isinstance<PyProgramStepModel>(object)) return object.cast<PyProgramStepModel&>().lease();
  for (const char* method : {"step", "reorder"}) {
    if (!py::hasattr(object, method)) {
      throw ValueError(std::string("step_model: ") + Py_TYPE(object.ptr())->tp_name + " has no method " + method +
                       ", expected a ProgramStepModel or an object with step(tokens) and reorder(parents)");
    }
  }
  return PythonStepModel(object);
}

}  // namespace

StepModelArgument::StepModelArgument(const py::object& object) : held_(hold(object)) {}

StepModel& StepModelArgument::model() {
  if (auto* lease = std::get_if<PyProgramStepModel::Lease>(&held_)) return *lease->model;
  return std::get<PythonStepModel>(held_);
}

}  // namespace pyseq
