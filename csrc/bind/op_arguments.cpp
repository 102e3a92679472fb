#include "bind/op_arguments.h"

#include <string>
#include <utility>

namespace pyseq {
namespace {

using NamedAttrs = std::vector<std::pair<std::string, AttrValue>>;

std::int64_t integer_from_python(py::handle value, std::string_view label, std::string_view name) {
  const std::int64_t integer = PyLong_AsLongLong(value.ptr());
  if (integer == -1 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw ValueError(std::string(label) + ": attribute " + std::string(name) + " is " + std::string(py::repr(value)) +
                     ", expected an integer of at most 64 bits");
  }
  return integer;
}

AttrValue attr_from_python(py::handle value, std::string_view label, std::string_view name) {
  PyObject* object = value.ptr();
  if (PyBool_Check(object)) return value.cast<bool>();
  if (PyFloat_Check(object)) return PyFloat_AS_DOUBLE(object);
  if (PyUnicode_Check(object)) return value.cast<std::string>();
  if (PyList_Check(object) || PyTuple_Check(object)) {
    std::vector<std::int64_t> integers;
    for (const py::handle item : value) integers.push_back(integer_from_python(item, label, name));
    return integers;
  }
  if (PyIndex_Check(object)) return integer_from_python(value, label, name);  // int and NumPy's integers
  if (PyNumber_Check(object)) {                                               // NumPy's floats
    return py::float_(py::reinterpret_borrow<py::object>(value)).cast<double>();
  }
  throw ValueError(std::string(label) + ": attribute " + std::string(name) + " is of type " + Py_TYPE(object)->tp_name +
                   ", expected a number, a flag, a text or a list of integers");
}

}  // namespace

Attrs attrs_from_python(const OpDef& op, const ObjectDict& attributes, std::string_view label) {
  NamedAttrs named;
  named.reserve(attributes.size());
  for (const auto& [key, value] : attributes) {
    std::string name = py::cast<std::string>(key);
    AttrValue converted = attr_from_python(value, label, name);
    named.emplace_back(std::move(name), std::move(converted));
  }
  return normalize_attrs(op, named, label);
}

std::string_view input_name(const OpDef& op, std::size_t position) {
  for (const InputDef& input : op.inputs) {
    if (input.kind != InputKind::cache && position-- == 0) return input.name;
  }
  return "an input too many";
}

void Operands::add_cache(py::handle cache) {
  leases.push_back(cache.cast<PyKvCache&>().lease());
  caches.push_back(&*leases.back());
}

WantedOutputs wanted_outputs(const OpDef& op, const py::typing::List<py::str>& names, std::string_view label) {
  WantedOutputs wanted;
  std::size_t found = 0;
  for (const OutputDef& output : op.outputs) {
    if (!output.optional) continue;
    const bool is_wanted = names.size() > 0 && names.contains(py::str(output.name.data(), output.name.size()));
    found += is_wanted;
    wanted.flags[wanted.count++] = is_wanted;
  }
  if (found < names.size()) {
    throw ValueError(std::string(label) + ": " + std::string(py::repr(names)) +
                     " names an output that is not an optional one of this op");
  }
  return wanted;
}

}  // namespace pyseq
