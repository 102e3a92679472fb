// ops/machine_limits.h: what this machine can do at most.
#include "ops/machine_limits.h"

#include <string>
#include <string_view>

#include "bind/profile.h"

namespace pyseq {
namespace {

double peak(std::string_view name, double seconds) {
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::int8}) {
    if (name != dtype_name(dtype)) continue;
    const GilRelease no_gil;
    return measure_peak(dtype, seconds);
  }
  throw ValueError("measure_peak: dtype is \"" + std::string(name) + "\", expected float32, bfloat16 or int8");
}

}  // namespace

void bind_machine_limits(py::module_& module) {
  module.def("measure_peak", peak, py::arg("dtype"), py::arg("seconds") = 0.2,
             "Operations per second on values in registers, on all threads in use: multiply-adds of float32, dot\n"
             "products of bfloat16 or int8, in the instructions of the tier in use.");
  module.def("measure_read_bandwidth", measure_read_bandwidth, py::arg("bytes_per_thread"), py::arg("seconds") = 0.2,
             py::call_guard<GilRelease>(),
             "Bytes per second that all threads in use read together, each its own bytes over and over.");
}

}  // namespace pyseq
