// pyseq/program.h: programs, sessions, states.
#include "bind/program.h"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/limits.h"

namespace pyseq {
namespace {

using py::literals::operator""_a;
using ProgramClass = py::class_<Program, std::shared_ptr<Program>>;

// Python knows no const; nothing that is bound here changes a program.
std::shared_ptr<Program> without_const(const std::shared_ptr<const Program>& program) {
  return std::const_pointer_cast<Program>(program);
}

using TypeName = std::optional<std::string>;

LoadOptions load_options(bool mmap, const TypeName& dtype, const TypeName& cache_dtype, bool optimize,
                         bool remove_padding) {
  LoadOptions options{.mmap = mmap,
                      .dtype = std::nullopt,
                      .cache_dtype = std::nullopt,
                      .optimize = optimize,
                      .remove_padding = remove_padding};
  if (dtype) options.dtype = storage_type("program", *dtype);
  if (cache_dtype) options.cache_dtype = storage_type("program", *cache_dtype, "cache_dtype");
  return options;
}

std::shared_ptr<Program> load(const std::filesystem::path& path, bool mmap, const TypeName& dtype,
                              const TypeName& cache_dtype, bool optimize, bool remove_padding) {
  const LoadOptions options = load_options(mmap, dtype, cache_dtype, optimize, remove_padding);
  const GilRelease no_gil;
  return without_const(Program::load(path, options));
}

std::shared_ptr<Program> parse(const py::bytes& bytes, const TypeName& dtype, const TypeName& cache_dtype,
                               bool optimize, bool remove_padding) {
  const std::string_view text = bytes;
  const LoadOptions options = load_options(true, dtype, cache_dtype, optimize, remove_padding);
  const GilRelease no_gil;
  return without_const(Program::parse(std::as_bytes(std::span(text)), nullptr, options));
}

std::shared_ptr<Program> with_options(const Program& program, const TypeName& dtype, const TypeName& cache_dtype,
                                      bool optimize, bool remove_padding) {
  const LoadOptions options = load_options(true, dtype, cache_dtype, optimize, remove_padding);
  const GilRelease no_gil;
  return without_const(program.with_options(options));
}

/// Valid as long as the program, which it keeps alive.
py::memoryview content(const Program& program) {
  const std::span<const std::byte> bytes = program.content();
  return py::memoryview::from_memory(bytes.data(), static_cast<py::ssize_t>(bytes.size()));
}

DictList arguments_to_python(const std::vector<ArgumentInfo>& arguments) {
  DictList result;
  for (const ArgumentInfo& argument : arguments) {
    result.append(py::dict("name"_a = argument.name, "dtype"_a = dtype_name(argument.dtype), "dims"_a = argument.dims));
  }
  return result;
}

py::dict function_to_python(const FunctionInfo& function) {
  py::list nodes;
  for (const NodeInfo& node : function.nodes) {
    nodes.append(
        py::dict("op"_a = node.op, "name"_a = node.name, "inputs"_a = node.inputs, "attributes"_a = node.attributes));
  }
  return py::dict("name"_a = function.name, "public"_a = function.is_public,
                  "inputs"_a = arguments_to_python(function.inputs),
                  "outputs"_a = arguments_to_python(function.outputs), "nodes"_a = nodes);
}

DictList functions_to_python(const Program& program) {
  DictList result;
  for (const FunctionInfo& function : program.functions()) result.append(function_to_python(function));
  return result;
}

DictList state_to_python(const Program& program) {
  DictList result;
  for (const StateInfo& state : program.state()) {
    result.append(py::dict("name"_a = state.name, "kind"_a = state_kind_name(state.kind),
                           "dtype"_a = dtype_name(state.dtype), "shape"_a = state.shape));
  }
  return result;
}

DictList tensors_to_python(const Program& program) {
  DictList result;
  for (const TensorInfo& tensor : program.tensors()) {
    result.append(py::dict("name"_a = tensor.name, "dtype"_a = dtype_name(tensor.dtype), "shape"_a = tensor.shape,
                           "panel_gates"_a = tensor.panel_gates, "bytes"_a = tensor.bytes));
  }
  return result;
}

void bind_program_class(py::module_& module) {
  ProgramClass(module, "Program", "A model as one file; shared by any number of sessions and threads.")
      .def_static(
          "load", load, py::arg("path"), py::arg("mmap") = true, py::arg("dtype") = py::none(),
          py::arg("cache_dtype") = py::none(), py::arg("optimize") = true, py::arg("remove_padding") = true,
          "Open a program file, mapped into memory unless mmap is False.\n\n"
          "`dtype`: storage type of weights that products read; `cache_dtype`: of key/value caches; None leaves\n"
          "them as the file has them. `optimize`: run the compile passes; `remove_padding`: that one among them.")
      .def_static("parse", parse, py::arg("bytes"), py::arg("dtype") = py::none(), py::arg("cache_dtype") = py::none(),
                  py::arg("optimize") = true, py::arg("remove_padding") = true,
                  "The program in the bytes of a file (which are copied).")
      .def("with_options", with_options, py::arg("dtype") = py::none(), py::arg("cache_dtype") = py::none(),
           py::arg("optimize") = true, py::arg("remove_padding") = true,
           "The same file with other options; both programs share its bytes.")
      .def_property_readonly("content", py::cpp_function(content, py::keep_alive<0, 1>()), "The bytes of the file.")
      .def_property_readonly("function_names", &Program::function_names, "Names of the public functions.")
      .def_property_readonly("functions", functions_to_python,
                             "Name, inputs, outputs and nodes of every function, bodies of loops included.")
      .def_property_readonly("state", state_to_python, "Name, kind, dtype and shape of every state.")
      .def_property_readonly("tensors", tensors_to_python, "Name, dtype, shape, layout and bytes of every tensor.")
      .def_property_readonly("task", &Program::task, "What the file is for, as a JSON object.")
      .def_property_readonly("producer", &Program::producer, "The program that wrote the file.")
      .def_property_readonly("format_version", &Program::format_version, "Version of the file format.")
      .def_property_readonly("vocabulary_names", &Program::vocabulary_names, "Names of the vocabularies.")
      .def(
          "vocabulary",
          [](const Program& self, const std::string& name) {
            return std::const_pointer_cast<Vocabulary>(self.vocabulary(name));
          },
          py::arg("name"), "A vocabulary by its name.")
      .def(
          "tensor",
          [](const Program& self, const std::string& name) {
            return array_from_tensor(self.tensor(name), /*writable=*/false);
          },
          py::arg("name"), "A read-only array; packed weights are unpacked.");
}

void bind_state_class(py::module_& module) {
  py::class_<PyState, std::shared_ptr<PyState>>(
      module, "State", "What running sequences carry: one row per sequence. Made by Session.new_state.")
      .def_property_readonly(
          "rows", [](PyState& self) { return self.lease()->rows(); }, "Number of sequences.")
      .def_property_readonly(
          "sources",
          [](PyState& self) {
            const auto state = self.lease();
            return std::vector<std::int64_t>(state->sources().begin(), state->sources().end());
          },
          "For every row the source that it reads in memory.")
      .def(
          "reorder", [](PyState& self, const std::vector<std::int64_t>& parents) { self.lease()->reorder(parents); },
          py::arg("parents"), "Row r becomes what row parents[r] was; the number of rows may change.")
      .def(
          "clone", [](PyState& self) { return std::make_shared<PyState>(std::in_place, self.lease()->clone()); },
          "A copy, whose caches share their blocks with this one.")
      .def(
          "tensor",
          [](PyState& self, const std::string& name) { return array_from_tensor(self.lease()->tensor(name).copy()); },
          py::arg("name"), "A copy of a carry, or of a memory that has been written.")
      .def(
          "set_tensor",
          [](PyState& self, const std::string& name, const py::object& value) {
            const Tensor tensor = tensor_from_operand(value, "State.set_tensor", name);
            self.lease()->set_tensor(name, tensor.copy());
          },
          py::arg("name"), py::arg("value"), "Replace a carry or memory by a copy of an array.");
}

NamedTensors named_inputs(const ObjectDict& arrays, const std::string& function) {
  NamedTensors inputs;
  for (const auto& [key, value] : arrays) {
    const std::string name = py::cast<std::string>(key);
    inputs.emplace(name, tensor_from_operand(value, function, name));
  }
  return inputs;
}

ArrayDict named_arrays(const NamedTensors& tensors) {
  ArrayDict arrays;
  for (const auto& [name, tensor] : tensors) arrays[py::str(name)] = array_from_tensor(tensor);
  return arrays;
}

py::list operands(std::span<const Tensor> tensors) {
  py::list list;
  for (const Tensor& tensor : tensors) list.append(operand_from_tensor(tensor));
  return list;
}

/// A Python function as RunOptions::observe.
std::function<void(const ObservedOp&)> observer(const py::object& function) {
  if (function.is_none()) return nullptr;
  return [&function](const ObservedOp& op) {
    const GilAcquire gil;
    function(op.op, op.name, operands(op.inputs), operands(op.outputs));
  };
}

std::pair<ArrayDict, ArrayDict> run(PySession& self, const std::string& function, const ObjectDict& inputs,
                                    PyState* state, std::vector<std::string> capture, std::optional<double> deadline,
                                    const CancelToken* cancel, const py::object& observe) {
  const NamedTensors tensors = named_inputs(inputs, function);
  const RunOptions options{
      .limits = make_limits(deadline, cancel), .capture = std::move(capture), .observe = observer(observe)};
  const auto session = self.lease();
  std::optional<PyState::Lease> leased_state;
  if (state != nullptr) leased_state.emplace(state->lease());
  RunResult result;
  {
    const GilRelease no_gil;
    result = session->run(function, tensors, leased_state ? &**leased_state : nullptr, options);
  }
  return {named_arrays(result.outputs), named_arrays(result.captures)};
}

void bind_session_class(py::module_& module) {
  py::class_<PySession, std::shared_ptr<PySession>>(module, "Session",
                                                    "The workspace of one caller that runs a program.")
      .def(py::init([](const std::shared_ptr<Program>& program) {
             return std::make_shared<PySession>(std::in_place, program);
           }),
           py::arg("program"))
      .def_property_readonly(
          "program", [](PySession& self) { return without_const(self.lease()->shared_program()); },
          "The program that it runs.")
      .def_property_readonly(
          "workspace_bytes", [](PySession& self) { return self.lease()->workspace_bytes(); },
          "Bytes that the memory plans of this session hold.")
      .def(
          "new_state",
          [](PySession& self, std::int64_t rows) {
            return std::make_shared<PyState>(std::in_place, self.lease()->new_state(rows));
          },
          py::arg("rows"), "Zero carries and empty caches for a number of sequences.")
      .def("run", run, py::arg("function"), py::arg("inputs"), py::arg("state") = py::none(),
           py::arg("capture") = std::vector<std::string>{}, py::arg("deadline") = py::none(),
           py::arg("cancel") = py::none(), py::arg("observe") = py::none(),
           "Run a function and return its outputs and captures, arrays by name.\n\n"
           "`capture` lists module paths whose optional outputs are wanted (attention weights); `deadline` is in\n"
           "seconds from now. `observe(op, name, inputs, outputs)` is called with copies after every op.");
}

}  // namespace

void bind_program(py::module_& module) {
  bind_program_class(module);
  bind_state_class(module);
  bind_session_class(module);
}

}  // namespace pyseq
