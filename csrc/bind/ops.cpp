// ops/registry.h: every op through one function, and the registry for everything that is made from it.
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/eager_call.h"
#include "bind/limits.h"
#include "bind/op_arguments.h"
#include "bind/op_record.h"
#include "ops/registry.h"

namespace pyseq {
namespace {

Operands operands_in_order(const OpDef& op, const ObjectList& inputs, const ObjectList& caches,
                           std::string_view label) {
  Operands operands;
  operands.inputs.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    operands.inputs.push_back(tensor_from_operand(inputs[i], label, input_name(op, i)));
  }
  for (const py::handle cache : caches) operands.add_cache(cache);
  return operands;
}

Operands operands_by_name(const OpDef& op, const ObjectDict& named, std::string_view label) {
  for (const auto& [key, value] : named) {
    const std::string name = py::cast<std::string>(key);
    const bool known =
        std::any_of(op.inputs.begin(), op.inputs.end(), [&](const auto& def) { return def.name == name; });
    if (!known) throw ValueError(std::string(label) + ": has no input named " + name);
  }
  Operands operands;
  for (const InputDef& input : op.inputs) {
    const py::str key(input.name.data(), input.name.size());
    const py::object value = named.contains(key) ? py::object(named[key]) : py::none();
    if (input.kind == InputKind::cache) {
      operands.add_cache(value);
    } else {
      operands.inputs.push_back(tensor_from_operand(value, label, input.name));
    }
  }
  return operands;
}

OptionalArrayList run(std::string_view name, const ObjectList& inputs, const ObjectList& caches,
                      const ObjectDict& attributes, const py::typing::List<py::str>& wanted, std::string_view label,
                      std::optional<double> deadline, const CancelToken* cancel) {
  const OpDef& op = find_op(name);
  if (label.empty()) label = op.name;
  const Attrs attrs = attrs_from_python(op, attributes, label);
  Operands operands = operands_in_order(op, inputs, caches, label);
  const WantedOutputs want = wanted_outputs(op, wanted, label);
  const RunLimits limits = make_limits(deadline, cancel);
  std::vector<Tensor> outputs;
  {
    const GilRelease no_gil;
    outputs = run_op(op, operands.inputs, operands.caches, attrs, want.span(), limits, label);
  }
  OptionalArrayList results(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) results[i] = optional_array(outputs[i]);
  return results;
}

std::pair<double, double> cost(std::string_view name, const ObjectDict& inputs, const ObjectDict& attributes) {
  const OpDef& op = find_op(name);
  const Attrs attrs = attrs_from_python(op, attributes, op.name);
  const Operands operands = operands_by_name(op, inputs, op.name);
  const OpArgs arguments{op.name, operands.inputs, operands.caches, attrs};
  std::vector<TensorType> outputs(op.outputs.size());
  op.infer(arguments, outputs);
  const OpCost cost = op.cost(arguments, outputs);
  return {cost.flops, cost.bytes};
}

constexpr const char* kAttrTypes[] = {"int", "float", "bool", "str", "list[int]"};  // as AttrValue's alternatives
constexpr const char* kInputKinds[] = {"tensor", "optional", "cache"};              // as InputKind's values

py::dict schema(const OpDef& op) {
  using py::literals::operator""_a;
  py::list inputs, attrs, outputs;
  for (const InputDef& input : op.inputs) {
    inputs.append(py::dict("name"_a = input.name, "kind"_a = kInputKinds[static_cast<int>(input.kind)],
                           "pack_gates"_a = input.pack_gates, "accepts_packed"_a = input.accepts_packed));
  }
  for (const AttrDef& attr : op.attrs) {
    const py::object default_value = attr.required ? py::none() : py::cast(attr.default_value);
    attrs.append(py::dict("name"_a = attr.name, "type"_a = kAttrTypes[attr.default_value.index()],
                          "default"_a = default_value, "required"_a = attr.required));
  }
  for (const OutputDef& output : op.outputs) {
    outputs.append(
        py::dict("name"_a = output.name, "optional"_a = output.optional, "differentiable"_a = output.differentiable));
  }
  py::list differentiable;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    if (op.vjp != nullptr && (op.differentiable >> i & 1) != 0) differentiable.append(op.inputs[i].name);
  }
  return py::dict("name"_a = op.name, "inputs"_a = inputs, "attrs"_a = attrs, "outputs"_a = outputs,
                  "differentiable"_a = differentiable);
}

}  // namespace

void bind_ops(py::module_& module) {
  module.def("run_op", run, py::arg("name"), py::arg("inputs"), py::arg("caches") = ObjectList(),
             py::arg("attributes") = ObjectDict(), py::arg("wanted") = py::typing::List<py::str>(),
             py::arg("label") = "", py::arg("deadline") = py::none(), py::arg("cancel") = py::none(),
             "Run one op. Inputs are in the order of op_schemas() without the caches, None where absent.\n\n"
             "`wanted` names the optional outputs to compute. The result has every output of the op, None for an\n"
             "optional one that was not wanted. `label` starts every error message (default: the op's name).");
  bind_eager_call(module);
  bind_op_record(module);
  module.def("op_cost", cost, py::arg("name"), py::arg("inputs"), py::arg("attributes") = ObjectDict(),
             "Floating point operations and bytes read and written of one call; inputs by name, caches among them.");
  module.def(
      "op_schemas",
      [] {
        DictList schemas;
        for (const OpDef& op : all_ops()) schemas.append(schema(op));
        return schemas;
      },
      "Name, inputs, attributes and outputs of every op; 'differentiable' names the inputs with a gradient.");
}

}  // namespace pyseq
