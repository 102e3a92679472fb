// How a small eager call stays cheap:
//  - Python calls a METH_FASTCALL function; no argument is parsed by name.
//  - Ops are found in a Python dict, by the hash that their name carries.
//  - Attributes are normalised once: each op remembers the values of its last call, which callers pass as the same
//    objects again (defaults, constants), and takes its Attrs over when they are identical.
//  - Inputs are borrowed: the caller's arguments keep the arrays alive, so tensors need no owner that takes the GIL.
//  - Small outputs are allocated by NumPy, which keeps small blocks at hand; large ones come from the library's pool.
//  - Work below kSmallWork keeps the GIL and has no limits: it ends before anybody could wait for it or interrupt it.
// Whatever is not usual (other element types, packed weights, caches) takes the general functions, which also say what
// is wrong.
#include "bind/eager_call.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bind/arrays.h"
#include "bind/inline_list.h"
#include "bind/limits.h"
#include "bind/op_arguments.h"
#include "ops/registry.h"

namespace pyseq {
namespace {

constexpr std::size_t kMostOperands = 32;
constexpr std::size_t kMostCached = 8;              // attributes
constexpr std::size_t kSmallOutput = 16 << 10;      // bytes
constexpr OpCost kSmallWork = {1 << 18, 64 << 10};  // a few microseconds

using NumPy = py::detail::npy_api;
using Tensors = InlineList<Tensor, kMostOperands>;

/// The attributes of an op's last call, with the Python objects that they were made from.
class LastAttrs {
 public:
  /// Null when the values are not those of the last call.
  std::shared_ptr<const Attrs> find(PyObject* attributes) const {
    if (attrs_ == nullptr || PyDict_GET_SIZE(attributes) != count_) return nullptr;
    Py_ssize_t position = 0;
    PyObject *name = nullptr, *value = nullptr;
    for (Py_ssize_t i = 0; PyDict_Next(attributes, &position, &name, &value) != 0; ++i) {
      if (name != names_[i].ptr() || value != values_[i].ptr()) return nullptr;
    }
    return attrs_;
  }

  void keep(PyObject* attributes, std::shared_ptr<const Attrs> attrs) {
    const Py_ssize_t count = PyDict_GET_SIZE(attributes);
    if (count > static_cast<Py_ssize_t>(kMostCached)) return;
    Py_ssize_t position = 0;
    PyObject *name = nullptr, *value = nullptr;
    while (PyDict_Next(attributes, &position, &name, &value) != 0) {
      if (!is_immutable(value)) return;
    }
    attrs_ = nullptr;
    position = 0;
    for (Py_ssize_t i = 0; PyDict_Next(attributes, &position, &name, &value) != 0; ++i) {
      names_[i] = py::reinterpret_borrow<py::object>(name);
      values_[i] = py::reinterpret_borrow<py::object>(value);
    }
    count_ = count;
    attrs_ = std::move(attrs);
  }

 private:
  static bool is_immutable(PyObject* value) {
    return PyFloat_CheckExact(value) || PyLong_CheckExact(value) || PyUnicode_CheckExact(value) || PyBool_Check(value);
  }

  py::object names_[kMostCached], values_[kMostCached];
  Py_ssize_t count_ = 0;
  std::shared_ptr<const Attrs> attrs_;
};

struct EagerOp {
  const OpDef* def;
  std::size_t num_inputs;
  LastAttrs last;
};

/// Everything that lives as long as the process: extension modules are never unloaded.
struct Registry {
  std::vector<EagerOp> ops;
  PyObject* numbers = PyDict_New();  // name -> index into ops
  PyObject* float32 = py::dtype::of<float>().release().ptr();
  PyObject* int64 = py::dtype::of<std::int64_t>().release().ptr();

  Registry() {
    for (const OpDef& def : all_ops()) {
      if (def.inputs.size() > kMostOperands || def.outputs.size() > kMostOperands) {
        throw Error(std::string(def.name) + ": more operands than an eager call has room for");
      }
      const py::str name(def.name.data(), def.name.size());
      const py::int_ number(ops.size());
      if (PyDict_SetItem(numbers, name.ptr(), number.ptr()) != 0) throw py::error_already_set();
      ops.push_back({&def, count_inputs(def), {}});
    }
  }
};

Registry& registry() {
  static auto* const instance = new Registry;
  return *instance;
}

std::string_view text_of(PyObject* object) {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(object, &size);
  if (text == nullptr) throw py::error_already_set();
  return {text, static_cast<std::size_t>(size)};
}

EagerOp& find_eager_op(PyObject* name) {
  PyObject* number = PyDict_GetItemWithError(registry().numbers, name);
  if (number != nullptr) return registry().ops[PyLong_AsSize_t(number)];
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  find_op(text_of(name));  // says which names are near
  throw UnsupportedError("call_op: the op is not registered");
}

std::shared_ptr<const Attrs> attrs_of(EagerOp& op, PyObject* attributes, std::string_view label) {
  static PyObject* const empty = PyDict_New();
  const py::object given = attributes == Py_None      ? py::reinterpret_borrow<py::object>(empty)
                           : PyDict_Check(attributes) ? py::reinterpret_borrow<py::object>(attributes)
                                                      : py::dict(py::reinterpret_borrow<py::object>(attributes));
  if (std::shared_ptr<const Attrs> same = op.last.find(given.ptr())) return same;
  const auto made =
      std::make_shared<const Attrs>(attrs_from_python(*op.def, py::reinterpret_borrow<ObjectDict>(given), label));
  op.last.keep(given.ptr(), made);
  return made;
}

/// A contiguous float32 or int64 array of this machine's byte order as a tensor that borrows it; undefined for others.
Tensor borrowed(PyObject* object) {
  const NumPy& numpy = NumPy::get();
  if (Py_TYPE(object) != numpy.PyArray_Type_) return {};
  const auto* array = py::detail::array_proxy(object);
  constexpr int kLayout = NumPy::NPY_ARRAY_C_CONTIGUOUS_ | NumPy::NPY_ARRAY_ALIGNED_;
  if ((array->flags & kLayout) != kLayout || array->nd > kMaxRank) return {};
  const bool is_float = array->descr == registry().float32;
  if (!is_float && array->descr != registry().int64) return {};
  std::int64_t sizes[kMaxRank];
  std::copy_n(array->dimensions, array->nd, sizes);
  const Shape shape(std::span<const std::int64_t>(sizes, static_cast<std::size_t>(array->nd)));
  const DType dtype = is_float ? DType::float32 : DType::int64;
  const bool writable = (array->flags & NumPy::NPY_ARRAY_WRITEABLE_) != 0;
  return writable ? Tensor::view(dtype, shape, array->data) : Tensor::constant_view(dtype, shape, array->data);
}

/// The inputs of a call. Arrays that a wrapper handed out are held, as nobody else may hold them.
struct Inputs {
  Tensors tensors;
  InlineList<py::object, kMostOperands> held;
  bool any_wrapped = false;

  void add(PyObject* value, const EagerOp& op, PyObject* wrapper, std::string_view label) {
    if (value == Py_None) return tensors.push_back({});
    Tensor tensor = borrowed(value);
    if (!tensor.defined() && PyObject_TypeCheck(value, reinterpret_cast<PyTypeObject*>(wrapper)) != 0) {
      any_wrapped = true;
      held.push_back(py::reinterpret_borrow<py::object>(value).attr("data"));
      value = held[held.size() - 1].ptr();
      tensor = borrowed(value);
    }
    if (!tensor.defined()) tensor = tensor_from_operand(value, label, input_name(*op.def, tensors.size()));
    tensors.push_back(std::move(tensor));
  }
};

/// Caches and wanted outputs: most calls have none.
struct Extras {
  Operands operands;
  WantedOutputs wanted;

  Extras(const OpDef& op, PyObject* caches, PyObject* wanted_names, std::string_view label) {
    if (!is_empty(caches)) {
      for (const py::handle cache : py::list(py::reinterpret_borrow<py::object>(caches))) operands.add_cache(cache);
    }
    if (!is_empty(wanted_names)) {
      wanted = wanted_outputs(op, py::list(py::reinterpret_borrow<py::object>(wanted_names)), label);
    }
  }
  static bool is_empty(PyObject* sequence) { return PyTuple_CheckExact(sequence) && PyTuple_GET_SIZE(sequence) == 0; }
};

/// A new array of NumPy's own memory.
py::object new_array(const TensorType& type) {
  const NumPy& numpy = NumPy::get();
  PyObject* descr = type.dtype == DType::float32 ? registry().float32 : registry().int64;
  Py_INCREF(descr);  // taken over by the call
  Py_intptr_t sizes[kMaxRank];
  std::copy(type.shape.begin(), type.shape.end(), sizes);
  PyObject* array =
      numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, descr, type.shape.rank(), sizes, nullptr, nullptr, 0, nullptr);
  if (array == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(array);
}

/// The outputs of a call; `arrays` has those that NumPy allocated, null elsewhere.
struct Outputs {
  Tensors tensors;
  InlineList<py::object, kMostOperands> arrays;

  void add(const TensorType& type) {
    const bool has_array_type = type.dtype == DType::float32 || type.dtype == DType::int64;
    const Tensor meta = Tensor::meta(type.dtype, type.shape);
    if (has_array_type && meta.num_bytes() <= kSmallOutput) {
      arrays.push_back(new_array(type));
      const auto* array = py::detail::array_proxy(arrays[arrays.size() - 1].ptr());
      tensors.push_back(Tensor::view(type.dtype, type.shape, array->data));
    } else {
      arrays.push_back({});
      tensors.push_back(Tensor::empty(type.dtype, type.shape));
    }
  }
  void add_absent() {
    arrays.push_back(py::none());
    tensors.push_back({});
  }
  py::object take(std::size_t index) {
    if (arrays[index]) return std::move(arrays[index]);
    return array_from_tensor(tensors[index]);
  }
};

bool is_small(const OpDef& op, const OpArgs& args, std::span<const TensorType> types) {
  const OpCost cost = op.cost(args, types);
  return cost.flops <= kSmallWork.flops && cost.bytes <= kSmallWork.bytes;
}

void compute(const OpDef& op, const OpArgs& args, std::span<const TensorType> types, std::span<Tensor> outputs) {
  static const RunLimits none;
  if (is_small(op, args, types)) return forward_op(op, args, outputs, none);
  const RunLimits limits = make_limits(std::nullopt, nullptr);
  const GilRelease no_gil;
  limits.check();
  forward_op(op, args, outputs, limits);
}

struct CallArguments {
  PyObject *op, *inputs, *attributes, *caches, *wanted, *label, *wrapper;
};

py::object call(const CallArguments& arguments) {
  EagerOp& op = find_eager_op(arguments.op);
  const OpDef& def = *op.def;
  std::string_view label = text_of(arguments.label);
  if (label.empty()) label = def.name;

  const auto given = py::reinterpret_steal<py::object>(PySequence_Tuple(arguments.inputs));
  if (!given) throw py::error_already_set();
  const auto count = static_cast<std::size_t>(PyTuple_GET_SIZE(given.ptr()));
  check_input_count(def, count, label);
  const std::shared_ptr<const Attrs> attrs = attrs_of(op, arguments.attributes, label);
  Inputs inputs;
  for (std::size_t i = 0; i < count; ++i) {
    PyObject* value = PyTuple_GET_ITEM(given.ptr(), static_cast<Py_ssize_t>(i));
    inputs.add(value, op, arguments.wrapper, label);
  }
  inputs.tensors.resize(op.num_inputs);
  Extras extras(def, arguments.caches, arguments.wanted, label);

  const OpArgs args{label, inputs.tensors.span(), extras.operands.caches, *attrs};
  check_operands(def, args.inputs, args.caches, label);
  InlineList<TensorType, kMostOperands> types;
  types.resize(def.outputs.size());
  def.infer(args, types.span());
  Outputs outputs;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (is_wanted(def, i, extras.wanted.span())) {
      outputs.add(types[i]);
    } else {
      outputs.add_absent();
    }
  }
  compute(def, args, types.span(), outputs.tensors.span());

  auto results = py::reinterpret_steal<py::object>(PyList_New(static_cast<Py_ssize_t>(types.size())));
  if (!results) throw py::error_already_set();
  for (std::size_t i = 0; i < types.size(); ++i) {
    py::object result = outputs.take(i);
    if (inputs.any_wrapped && !result.is_none()) result = py::handle(arguments.wrapper)(result);
    PyList_SET_ITEM(results.ptr(), static_cast<Py_ssize_t>(i), result.release().ptr());
  }
  return results;
}

PyObject* call_op(PyObject* /*module*/, PyObject* const* arguments, Py_ssize_t count) {
  constexpr Py_ssize_t kArguments = 7;
  if (count != kArguments) {
    PyErr_Format(PyExc_TypeError, "call_op takes %zd arguments, got %zd", kArguments, count);
    return nullptr;
  }
  if (!PyUnicode_Check(arguments[0]) || !PyUnicode_Check(arguments[5]) || !PyType_Check(arguments[6])) {
    PyErr_SetString(PyExc_TypeError, "call_op: op and label are texts, wrapper is a class");
    return nullptr;
  }
  try {
    return call({arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], arguments[6]})
        .release()
        .ptr();
  } catch (...) {
    raise_in_python(std::current_exception());
    return nullptr;
  }
}

constexpr const char* kDoc =
    "call_op(op: str, inputs: typing.Any, attributes: typing.Any, caches: typing.Any, wanted: typing.Any, "
    "label: str, wrapper: type) -> list[typing.Any]\n\n"
    "Run one op, as run_op does, at the least cost. An input may be an instance of `wrapper`, whose `data` is the\n"
    "array; then the results are made instances of it.";

PyMethodDef call_op_method = {"call_op", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(call_op)), METH_FASTCALL,
                              kDoc};

}  // namespace

void bind_eager_call(py::module_& module) {
  registry();
  PyObject* function = PyCFunction_NewEx(&call_op_method, nullptr, py::str("pyseq._core").release().ptr());
  if (function == nullptr) throw py::error_already_set();
  module.attr("call_op") = py::reinterpret_steal<py::object>(function);
}

}  // namespace pyseq
