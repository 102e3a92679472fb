// pyseq/generation_service.h: many texts written at the same time.
#include "pyseq/generation_service.h"

#include <pybind11/stl.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bind/limits.h"

namespace pyseq {
namespace {

GeneratedToken next(GenerationRequest& self) {
  const RunLimits limits = make_limits(std::nullopt, nullptr);
  std::optional<GeneratedToken> token;
  {
    const GilRelease no_gil;
    token = self.next(limits);
  }
  if (!token) throw py::stop_iteration();
  return std::move(*token);
}

std::unique_ptr<GenerationRequest> submit(GenerationService& self, const std::string& prompt, GenerationOptions options,
                                          std::optional<double> deadline) {
  options.limits = make_limits(deadline, nullptr);
  const GilRelease no_gil;
  return self.submit(prompt, options);
}

std::map<std::string, std::int64_t> statistics(const GenerationService& self) {
  const ServiceStatistics found = self.statistics();
  return {{"waiting", found.waiting},
          {"running", found.running},
          {"steps", found.steps},
          {"row_steps", found.row_steps},
          {"prompt_tokens_read", found.prompt_tokens_read},
          {"prompt_tokens_reused", found.prompt_tokens_reused},
          {"prompt_cache_bytes", static_cast<std::int64_t>(found.prompt_cache_bytes)}};
}

}  // namespace

void bind_generation_service(py::module_& module) {
  py::class_<GenerationRequest>(module, "GenerationRequest", "One text of a service while it is being written.")
      .def("__iter__", [](py::object self) { return self; })
      .def("__next__", next)
      .def("cancel", &GenerationRequest::cancel, "Gives up its row before the next step.")
      .def_property_readonly("done", &GenerationRequest::is_done, "Whether nothing more is written.");
  // Its destructor waits for a thread that never asks for the GIL.
  py::class_<GenerationService>(module, "GenerationService", "Many texts written at the same time.")
      .def(py::init([](const Generator& generator, std::int64_t max_rows, std::size_t prompt_cache_bytes) {
             return std::make_unique<GenerationService>(
                 generator, ServiceOptions{.max_rows = max_rows, .prompt_cache_bytes = prompt_cache_bytes});
           }),
           py::arg("generator"), py::kw_only(), py::arg("max_rows"), py::arg("prompt_cache_bytes"))
      .def("submit", submit, py::arg("prompt"), py::arg_v("options", GenerationOptions(), "GenerationOptions()"),
           py::arg("deadline") = py::none(), "Puts a text in the queue.")
      .def("statistics", statistics, "Counts since the service began.")
      .def("close", &GenerationService::close, py::call_guard<GilRelease>(),
           "Ends all requests that are not done, and the service.");
}

}  // namespace pyseq
