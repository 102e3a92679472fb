// The parts of the extension module `pyseq._core`: one function per public header, called by module.cpp.
#pragma once

#include <pybind11/pybind11.h>

namespace pyseq {

namespace py = pybind11;

void bind_errors(py::module_& module);
void bind_runtime(py::module_& module);
void bind_tensor(py::module_& module);
void bind_vocabulary(py::module_& module);
void bind_kv_cache(py::module_& module);
void bind_ops(py::module_& module);
void bind_safetensors(py::module_& module);
void bind_program(py::module_& module);
void bind_decode(py::module_& module);
void bind_translator(py::module_& module);

}  // namespace pyseq
