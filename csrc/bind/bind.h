// The parts of the extension module `pyseq._core`: one function per public header, called by module.cpp.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>
#include <optional>

namespace pyseq {

namespace py = pybind11;

/// Computes without the GIL. While the interpreter shuts down, Python ends a thread that asks for the GIL by unwinding
/// its stack, and a frame that may not throw would then end the process: such a thread stays here, and goes with the
/// process.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease();
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

/// Holds the GIL, in a callback of a call that computes without it.
class GilAcquire {
 public:
  GilAcquire();

 private:
  std::optional<py::gil_scoped_acquire> gil_;
};

/// Sets Python's error from a C++ exception, for functions that Python calls without pybind11.
void raise_in_python(std::exception_ptr exception);

void bind_errors(py::module_& module);
void bind_runtime(py::module_& module);
void bind_tensor(py::module_& module);
void bind_vocabulary(py::module_& module);
void bind_constraints(py::module_& module);
void bind_ctc(py::module_& module);
void bind_ngram(py::module_& module);
void bind_ctc_decoder(py::module_& module);
void bind_kv_cache(py::module_& module);
void bind_ops(py::module_& module);
void bind_optimizer(py::module_& module);
void bind_embeddings(py::module_& module);
void bind_safetensors(py::module_& module);
void bind_program(py::module_& module);
void bind_decoding_options(py::module_& module);
void bind_decode(py::module_& module);
void bind_translator(py::module_& module);
void bind_generation_service(py::module_& module);
void bind_generator(py::module_& module);
void bind_classifier(py::module_& module);
void bind_captioner(py::module_& module);
void bind_tagger(py::module_& module);
void bind_stream_pool(py::module_& module);

}  // namespace pyseq
