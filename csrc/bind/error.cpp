// pyseq/error.h: every C++ exception as a Python one that is also the builtin a Python user expects.
#include "pyseq/error.h"

#include <array>
#include <exception>
#include <new>

#include "bind/bind.h"

namespace pyseq {
namespace {

enum ErrorClass { kError, kShape, kDType, kIndex, kValue, kFormat, kUnsupported, kCancelled, kDeadline, kErrorClasses };

// Borrowed by the translator below for the life of the process: extension modules are never unloaded.
std::array<PyObject*, kErrorClasses> error_classes{};

void raise(ErrorClass error, const std::exception& cause) {
  py::set_error(error_classes[error], cause.what());
}

void translate(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const ShapeError& error) {
    raise(kShape, error);
  } catch (const DTypeError& error) {
    raise(kDType, error);
  } catch (const IndexError& error) {
    raise(kIndex, error);
  } catch (const ValueError& error) {
    raise(kValue, error);
  } catch (const FormatError& error) {
    raise(kFormat, error);
  } catch (const UnsupportedError& error) {
    raise(kUnsupported, error);
  } catch (const CancelledError& error) {
    raise(kCancelled, error);
  } catch (const DeadlineError& error) {
    raise(kDeadline, error);
  } catch (const Error& error) {
    raise(kError, error);
  }
}

/// What pybind11 does with everything else.
void raise_foreign(std::exception_ptr exception) {
  try {
    std::rethrow_exception(exception);
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::bad_alloc& error) {
    py::set_error(PyExc_MemoryError, error.what());
  } catch (const std::exception& error) {
    py::set_error(PyExc_RuntimeError, error.what());
  } catch (...) {
    py::set_error(PyExc_RuntimeError, "unknown exception of C++");
  }
}

/// pyseq.<name>, with Python's own classes as bases.
void add_class(py::module_& module, ErrorClass error, const char* name, const py::tuple& bases, const char* doc) {
  const std::string qualified = std::string("pyseq.") + name;
  PyObject* created = PyErr_NewExceptionWithDoc(qualified.c_str(), doc, bases.ptr(), nullptr);
  if (created == nullptr) throw py::error_already_set();
  error_classes[error] = created;
  module.attr(name) = py::handle(created);
}

}  // namespace

void raise_in_python(std::exception_ptr exception) {
  try {
    translate(exception);
  } catch (...) {
    raise_foreign(std::current_exception());
  }
}

void bind_errors(py::module_& module) {
  add_class(module, kError, "Error", py::make_tuple(py::handle(PyExc_Exception)), "What every error of pyseq is.");
  const py::handle base = error_classes[kError];
  const auto derived = [base](PyObject* builtin) { return py::make_tuple(base, py::handle(builtin)); };
  add_class(module, kShape, "ShapeError", derived(PyExc_ValueError),
            "An array has the wrong number of axes or wrong sizes.");
  add_class(module, kDType, "DTypeError", derived(PyExc_TypeError), "An array has the wrong element type.");
  add_class(module, kIndex, "OutOfRangeError", derived(PyExc_IndexError),
            "A token, position or row number lies outside its table.");
  add_class(module, kValue, "ArgumentError", derived(PyExc_ValueError), "An argument has an impossible value.");
  add_class(module, kFormat, "FormatError", derived(PyExc_ValueError),
            "A file is damaged, hostile or of another format.");
  add_class(module, kUnsupported, "UnsupportedError", derived(PyExc_NotImplementedError),
            "A well-formed request that this build or machine cannot serve.");
  add_class(module, kCancelled, "CancelledError", py::make_tuple(base), "The caller's CancelToken was set.");
  add_class(module, kDeadline, "DeadlineError", derived(PyExc_TimeoutError), "The caller's deadline passed.");
  py::register_local_exception_translator(translate);
}

}  // namespace pyseq
