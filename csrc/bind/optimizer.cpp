// ops/optimizer.h: what training does to flat buffers of parameters, gradients and moments.
#include "ops/optimizer.h"

#include <pybind11/stl.h>

#include <tuple>
#include <vector>

#include "bind/arrays.h"

namespace pyseq {
namespace {

// Begin, end, learning rate, weight decay.
using Range = std::tuple<std::int64_t, std::int64_t, double, double>;

std::vector<UpdateRange> ranges_from(const std::vector<Range>& ranges) {
  std::vector<UpdateRange> found;
  for (const auto& [begin, end, learning_rate, weight_decay] : ranges) {
    found.push_back({begin, end, learning_rate, weight_decay});
  }
  return found;
}

Tensor required(const py::array& array, const char* op, const char* argument) {
  return tensor_from_array(array, op, argument);
}
Tensor optional(const py::typing::Optional<py::array>& array, const char* op, const char* argument) {
  return array.is_none() ? Tensor() : tensor_from_array(array, op, argument);
}

double norm_of(const py::array& x) {
  const Tensor tensor = required(x, "norm", "x");
  const GilRelease no_gil;
  return norm(tensor);
}

double clip_norm_of(const py::array& x, double max_norm) {
  Tensor tensor = required(x, "clip_norm", "x");
  const GilRelease no_gil;
  return clip_norm(tensor, max_norm);
}

void clip_values_of(const py::array& x, double bound) {
  Tensor tensor = required(x, "clip_values", "x");
  const GilRelease no_gil;
  clip_values(tensor, bound);
}

void scale_values_of(const py::array& x, double factor) {
  Tensor tensor = required(x, "scale_values", "x");
  const GilRelease no_gil;
  scale_values(tensor, factor);
}

void fill_zeros_of(const py::array& x) {
  Tensor tensor = required(x, "fill_zeros", "x");
  const GilRelease no_gil;
  fill_zeros(tensor);
}

void move_average_of(const py::array& average, const py::array& values, double rate) {
  Tensor target = required(average, "move_average", "average");
  const Tensor source = required(values, "move_average", "values");
  const GilRelease no_gil;
  move_average(target, source, rate);
}

void sgd(const py::array& values, const py::array& gradients, const py::typing::Optional<py::array>& buffer,
         const std::vector<Range>& ranges, double momentum, double dampening, bool nesterov) {
  Tensor parameters = required(values, "sgd", "values"), moments = optional(buffer, "sgd", "buffer");
  const Tensor slopes = required(gradients, "sgd", "gradients");
  const GilRelease no_gil;
  sgd_step(parameters, slopes, moments, ranges_from(ranges), {momentum, dampening, nesterov});
}

void adam(const py::array& values, const py::array& gradients, const py::array& first, const py::array& second,
          const std::vector<Range>& ranges, double beta1, double beta2, double epsilon, std::int64_t step,
          bool decoupled) {
  Tensor parameters = required(values, "adam", "values");
  Tensor first_moment = required(first, "adam", "first"), second_moment = required(second, "adam", "second");
  const Tensor slopes = required(gradients, "adam", "gradients");
  const GilRelease no_gil;
  adam_step(parameters, slopes, first_moment, second_moment, ranges_from(ranges),
            {beta1, beta2, epsilon, step, decoupled});
}

void adagrad(const py::array& values, const py::array& gradients, const py::array& sum,
             const std::vector<Range>& ranges, double epsilon) {
  Tensor parameters = required(values, "adagrad", "values"), sums = required(sum, "adagrad", "sum");
  const Tensor slopes = required(gradients, "adagrad", "gradients");
  const GilRelease no_gil;
  adagrad_step(parameters, slopes, sums, ranges_from(ranges), epsilon);
}

void rmsprop(const py::array& values, const py::array& gradients, const py::array& square,
             const py::typing::Optional<py::array>& mean, const py::typing::Optional<py::array>& buffer,
             const std::vector<Range>& ranges, double alpha, double epsilon, double momentum) {
  Tensor parameters = required(values, "rmsprop", "values"), squares = required(square, "rmsprop", "square");
  Tensor means = optional(mean, "rmsprop", "mean"), moments = optional(buffer, "rmsprop", "buffer");
  const Tensor slopes = required(gradients, "rmsprop", "gradients");
  const GilRelease no_gil;
  rmsprop_step(parameters, slopes, squares, means, moments, ranges_from(ranges), {alpha, epsilon, momentum});
}

}  // namespace

void bind_optimizer(py::module_& module) {
  module.def("norm", norm_of, py::arg("x"), "The square root of the sum of squares; not finite when a value is not.");
  module.def("clip_norm", clip_norm_of, py::arg("x"), py::arg("max_norm"),
             "Scale x in place so that its norm is at most max_norm; return the norm before.");
  module.def("clip_values", clip_values_of, py::arg("x"), py::arg("bound"), "Clip x in place to [-bound, bound].");
  module.def("scale_values", scale_values_of, py::arg("x"), py::arg("factor"), "Multiply x in place.");
  module.def("fill_zeros", fill_zeros_of, py::arg("x"), "Set x to zero.");
  module.def("move_average", move_average_of, py::arg("average"), py::arg("values"), py::arg("rate"),
             "average += rate * (values - average), in place.");
  module.def("sgd_step", sgd, py::arg("values"), py::arg("gradients"), py::arg("buffer"), py::arg("ranges"),
             py::arg("momentum"), py::arg("dampening"), py::arg("nesterov"),
             "One update of values in place. Ranges: (begin, end, learning rate, weight decay).");
  module.def("adam_step", adam, py::arg("values"), py::arg("gradients"), py::arg("first"), py::arg("second"),
             py::arg("ranges"), py::arg("beta1"), py::arg("beta2"), py::arg("epsilon"), py::arg("step"),
             py::arg("decoupled"), "One update of values and both moments in place; step counts from 1.");
  module.def("adagrad_step", adagrad, py::arg("values"), py::arg("gradients"), py::arg("sum"), py::arg("ranges"),
             py::arg("epsilon"), "One update of values and the sum of squares in place.");
  module.def("rmsprop_step", rmsprop, py::arg("values"), py::arg("gradients"), py::arg("square"), py::arg("mean"),
             py::arg("buffer"), py::arg("ranges"), py::arg("alpha"), py::arg("epsilon"), py::arg("momentum"),
             "One update of values and the moments that are given in place.");
}

}  // namespace pyseq
