// pyseq/stream_pool.h: many streams through one set of weights.
#include "pyseq/stream_pool.h"

#include <pybind11/stl.h>

#include "bind/arrays.h"
#include "bind/bind.h"
#include "bind/limits.h"
#include "bind/program.h"

namespace pyseq {
namespace {

std::shared_ptr<StreamPool> make_pool(const std::shared_ptr<Program>& program, const std::string& function,
                                      std::int64_t max_streams, std::int64_t max_batch, std::int64_t max_pending) {
  return std::make_shared<StreamPool>(
      program,
      StreamPoolOptions{
          .function = function, .max_streams = max_streams, .max_batch = max_batch, .max_pending = max_pending});
}

StreamPool::Ticket submit(StreamPool& self, const std::vector<StreamPool::StreamId>& streams, const ObjectDict& arrays,
                          std::optional<double> deadline, bool wait_for_room) {
  NamedTensors inputs;
  for (const auto& [key, value] : arrays) {
    const std::string name = py::cast<std::string>(key);
    inputs.emplace(name, tensor_from_operand(value, "stream_pool", name));
  }
  SubmitOptions options;
  options.waits_for_room = wait_for_room;
  options.deadline = make_limits(deadline, nullptr).deadline;
  const GilRelease no_gil;
  return self.submit(streams, inputs, options);
}

ArrayDict result(const StreamPool::Ticket& self, std::optional<double> timeout) {
  const RunLimits limits = make_limits(timeout, nullptr);
  NamedTensors outputs;
  {
    const GilRelease no_gil;
    outputs = self.wait(limits);
  }
  ArrayDict arrays;
  for (const auto& [name, tensor] : outputs) arrays[py::str(name)] = array_from_tensor(tensor);
  return arrays;
}

}  // namespace

void bind_stream_pool(py::module_& module) {
  py::class_<StreamPool::Ticket>(module, "StreamTicket", "Chunks that were submitted to a StreamPool.")
      .def_property_readonly("done", &StreamPool::Ticket::is_done, "Whether they have been run, or have failed.")
      .def("result", result, py::arg("timeout") = py::none(),
           "The outputs [streams, ...] by name; waits for them, `timeout` seconds at most.");
  py::class_<StreamPool, std::shared_ptr<StreamPool>>(module, "StreamPool",
                                                      "One set of weights, many streams with states of their own.")
      .def(py::init(&make_pool), py::arg("program"), py::arg("function") = "step", py::arg("max_streams") = 1024,
           py::arg("max_batch") = 64, py::arg("max_pending") = 4096)
      .def("open", &StreamPool::open, "A new stream, whose state is zero.")
      .def("close", &StreamPool::close, py::arg("stream"), py::call_guard<GilRelease>(),
           "Give a stream back; chunks that wait are cancelled.")
      .def("reset", &StreamPool::reset, py::arg("stream"), py::call_guard<GilRelease>(),
           "Zero state from the next chunk on.")
      .def("submit", submit, py::arg("streams"), py::arg("inputs"), py::arg("deadline") = py::none(),
           py::arg("wait_for_room") = true,
           "One chunk for each of some streams: arrays [streams, ...] by name (copied).")
      .def_property_readonly("open_streams", &StreamPool::open_streams, "Streams that are open.")
      .def_property_readonly("pending", &StreamPool::pending, "Chunks that wait.");
}

}  // namespace pyseq
