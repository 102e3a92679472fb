// pyseq/runtime.h: threads, instruction-set tiers, cancellation.
#include "pyseq/runtime.h"

#include <pybind11/stl.h>

#include <memory>

#include "bind/bind.h"

namespace pyseq {
namespace {

constexpr ThreadBackend kBackends[] = {ThreadBackend::automatic, ThreadBackend::openmp, ThreadBackend::pool,
                                       ThreadBackend::serial};

ThreadBackend backend_from_name(const std::string& name) {
  std::string names;
  for (const ThreadBackend backend : kBackends) {
    if (name == thread_backend_name(backend)) return backend;
    names += (names.empty() ? "" : ", ") + std::string(thread_backend_name(backend));
  }
  throw ValueError("set_thread_backend: name is '" + name + "', expected one of " + names);
}

}  // namespace

void bind_runtime(py::module_& module) {
  py::class_<CancelToken, std::shared_ptr<CancelToken>>(
      module, "CancelToken", "Set from any thread to make a running call stop with CancelledError.")
      .def(py::init<>())
      .def("cancel", &CancelToken::cancel, "Stop the calls that were given this token.")
      .def("reset", &CancelToken::reset, "Make the token ready for the next call.")
      .def("is_cancelled", &CancelToken::is_cancelled, "Whether cancel() was called since the last reset().");

  module.def("set_num_threads", &set_num_threads, py::arg("count"),
             "Set how many threads a call may use; for calls that start afterwards.");
  module.def(
      "num_threads", &num_threads,
      "Threads that a call may use: the usable CPUs, unless PYSEQ_NUM_THREADS or set_num_threads says otherwise.");
  module.def("usable_cpus", &usable_cpus, "CPUs that this process may use (affinity and cgroup quota).");
  module.def(
      "set_thread_backend", [](const std::string& name) { set_thread_backend(backend_from_name(name)); },
      py::arg("name"), "Force a thread backend: \"openmp\", \"pool\" or \"serial\"; \"automatic\" lets pyseq choose.");
  module.def("thread_backend", [] { return thread_backend_name(thread_backend()); }, "The thread backend in force.");
  module.def("compiled_isas", &compiled_isas, "Instruction-set tiers in this build, lowest first.");
  module.def("available_isas", &available_isas, "Instruction-set tiers in this build that this machine has.");
  module.def("active_isa", &active_isa, "The instruction-set tier in use.");
  module.def("set_isa", &set_isa, py::arg("name"),
             "Switch to another instruction-set tier (tests, benchmarks), not while another thread computes.");
  module.def("build_info", &build_info, "Compiler and build type.");
  module.def("openmp_runtimes", &openmp_runtimes, "File names of the OpenMP libraries loaded in this process.");
  module.attr("__version__") = version();
}

}  // namespace pyseq
