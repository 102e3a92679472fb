#include "bind/op_record.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "bind/limits.h"
#include "bind/op_arguments.h"

namespace pyseq {
namespace {

/// Type and shape of the operands that nobody reads any more.
void forget_unread(std::vector<Tensor>& operands, std::uint32_t read) {
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if ((read >> i & 1) == 0 && operands[i].defined()) {
      operands[i] = Tensor::meta(operands[i].dtype(), operands[i].shape());
    }
  }
}

/// The optional outputs that the caller wants, and those that the vjp reads.
std::vector<bool> outputs_to_compute(const OpDef& op, const WantedOutputs& wanted) {
  std::vector<bool> flags;
  std::size_t place = 0;
  for (std::size_t i = 0; i < op.outputs.size(); ++i) {
    if (op.outputs[i].optional) flags.push_back(wanted.flags[place++] || (op.vjp_reads.outputs >> i & 1) != 0);
  }
  return flags;
}

bool gives_only_integers(std::span<const Tensor> outputs) {
  return std::all_of(outputs.begin(), outputs.end(),
                     [](const Tensor& output) { return !output.defined() || output.dtype() != DType::float32; });
}

std::vector<Tensor> compute(const OpDef& op, std::span<const Tensor> inputs, const Attrs& attrs,
                            const std::vector<bool>& flags, std::string_view label) {
  const RunLimits limits = make_limits(std::nullopt, nullptr);
  const std::unique_ptr<bool[]> wanted(new bool[flags.size()]);
  std::copy(flags.begin(), flags.end(), wanted.get());
  const GilRelease no_gil;
  return run_op(op, inputs, {}, attrs, std::span(wanted.get(), flags.size()), limits, label);
}

using Recorded = std::pair<OptionalArrayList, std::optional<OpRecord>>;

Recorded record_op(std::string_view name, const ObjectList& inputs, const ObjectDict& attributes,
                   const py::typing::List<py::str>& wanted, std::string_view label) {
  const OpDef& op = find_op(name);
  if (label.empty()) label = op.name;
  Attrs attrs = attrs_from_python(op, attributes, label);
  std::vector<Tensor> operands;
  operands.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    operands.push_back(tensor_from_operand(inputs[i], label, input_name(op, i)));
  }
  const WantedOutputs want = wanted_outputs(op, wanted, label);
  std::vector<Tensor> outputs = compute(op, operands, attrs, outputs_to_compute(op, want), label);
  OptionalArrayList results(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) results[i] = optional_array(outputs[i]);
  if (gives_only_integers(outputs)) return {std::move(results), std::nullopt};
  if (op.vjp == nullptr) {
    throw UnsupportedError(std::string(label) + ": " + std::string(op.name) +
                           " has no gradient (detach() its inputs, or call it without a tape)");
  }
  return {std::move(results),
          OpRecord(op, std::string(label), std::move(attrs), std::move(operands), std::move(outputs))};
}

}  // namespace

OpRecord::OpRecord(const OpDef& op, std::string label, Attrs attrs, std::vector<Tensor> inputs,
                   std::vector<Tensor> outputs)
    : op_(op),
      label_(std::move(label)),
      attrs_(std::move(attrs)),
      inputs_(std::move(inputs)),
      outputs_(std::move(outputs)) {
  forget_unread(inputs_, op.vjp_reads.inputs);
  forget_unread(outputs_, op.vjp_reads.outputs);
}

OptionalArrayList OpRecord::vjp(const ObjectList& gradients, const std::vector<bool>& wanted) const {
  std::vector<Tensor> grad_outputs;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    grad_outputs.push_back(tensor_from_operand(gradients[i], label_, "gradient"));
  }
  const std::unique_ptr<bool[]> flags(new bool[wanted.size()]);
  std::copy(wanted.begin(), wanted.end(), flags.get());
  const RunLimits limits = make_limits(std::nullopt, nullptr);
  std::vector<Tensor> results;
  {
    const GilRelease no_gil;
    results =
        run_vjp(op_, inputs_, attrs_, outputs_, grad_outputs, std::span(flags.get(), wanted.size()), limits, label_);
  }
  OptionalArrayList arrays(inputs_.size());
  for (std::size_t i = 0; i < inputs_.size(); ++i) arrays[i] = optional_array(results[i]);
  return arrays;
}

void bind_op_record(py::module_& module) {
  py::class_<OpRecord>(module, "OpRecord", "A call of an op, with what its gradients need.")
      .def_property_readonly(
          "op", [](const OpRecord& record) { return record.op().name; }, "The name of the op.")
      .def_property_readonly("label", &OpRecord::label, "The module that ran it, or the name of the op.")
      .def("vjp", &OpRecord::vjp, py::arg("gradients"), py::arg("wanted"),
           "Gradients of the inputs that `wanted` has a flag for, None for the others.\n\n"
           "`gradients` has one array per output of the call, None for zero.");
  module.def("record_op", record_op, py::arg("name"), py::arg("inputs"), py::arg("attributes"), py::arg("wanted"),
             py::arg("label"),
             "Run one op as run_op does, and keep what its gradients need.\n\n"
             "Returns the outputs, with those optional ones that the gradients need, and the record; None for an op\n"
             "whose outputs are all integers.");
}

}  // namespace pyseq
