// pyseq/ctc.h: paths of classes, their labels and their places in time.
#include "pyseq/ctc.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string>

#include "bind/arrays.h"
#include "bind/limits.h"

namespace pyseq {
namespace {

template <typename Result, typename Get>
py::array_t<Result> each_token(const CtcAlignment& self, Get get) {
  py::array_t<Result> values(static_cast<py::ssize_t>(self.tokens.size()));
  std::transform(self.tokens.begin(), self.tokens.end(), values.mutable_data(), get);
  return values;
}

template <auto member>
py::array_t<std::int64_t> integers(const CtcAlignment& self) {
  return each_token<std::int64_t>(self, [](const CtcToken& token) { return token.*member; });
}

std::vector<CtcAlignment> greedy(const py::object& log_probs, const py::object& lengths, std::int64_t blank,
                                 std::optional<double> deadline, const CancelToken* cancel) {
  const Tensor frames = tensor_from_operand(log_probs, "ctc.greedy", "log_probs");
  const Tensor counts = tensor_from_operand(lengths, "ctc.greedy", "lengths");
  const RunLimits limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  return ctc_greedy(frames, counts, blank, limits);
}

std::vector<CtcAlignment> align(const py::object& log_probs, const py::object& targets, const py::object& lengths,
                                const py::object& target_lengths, std::int64_t blank, std::optional<double> deadline,
                                const CancelToken* cancel) {
  const Tensor frames = tensor_from_operand(log_probs, "ctc.align", "log_probs");
  const Tensor labels = tensor_from_operand(targets, "ctc.align", "targets");
  const Tensor counts = tensor_from_operand(lengths, "ctc.align", "lengths");
  const Tensor label_counts = tensor_from_operand(target_lengths, "ctc.align", "target_lengths");
  const RunLimits limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  return ctc_align(frames, labels, counts, label_counts, blank, limits);
}

py::array_t<std::int64_t> collapse(const py::object& path, std::int64_t blank) {
  const Tensor classes = tensor_from_operand(path, "ctc.collapse", "path");
  if (classes.rank() != 1) {
    throw ShapeError("ctc.collapse: path has shape " + classes.shape().to_string() + ", expected [time]");
  }
  const std::vector<std::int64_t> labels = ctc_collapse(classes.values<std::int64_t>(), blank);
  return py::array_t<std::int64_t>(static_cast<py::ssize_t>(labels.size()), labels.data());
}

}  // namespace

void bind_ctc(py::module_& module) {
  py::class_<CtcAlignment>(module, "CtcAlignment", "The labels of a path and the frames in which it shows them.")
      .def_property_readonly("tokens", integers<&CtcToken::token>, "[labels] int64, the labels.")
      .def_property_readonly("start", integers<&CtcToken::start>, "[labels] int64, the first frame of each.")
      .def_property_readonly("end", integers<&CtcToken::end>, "[labels] int64, the frame behind the last of each.")
      .def_property_readonly(
          "log_probs",
          [](const CtcAlignment& self) {
            return each_token<double>(self, [](const CtcToken& token) { return token.log_prob; });
          },
          "[labels] float64, the log-probability of the label over its frames.")
      .def_property_readonly(
          "confidence",
          [](const CtcAlignment& self) {
            return each_token<double>(self, [](const CtcToken& token) { return token.confidence(); });
          },
          "[labels] float64, the geometric mean of the label's probability over its frames.")
      .def_readonly("log_prob", &CtcAlignment::log_prob, "The log-probability of the path, blanks included.")
      .def("__len__", [](const CtcAlignment& self) { return self.tokens.size(); });
  py::class_<CtcSpan>(module, "CtcSpan", "A word, or words up to a pause.")
      .def_readonly("first", &CtcSpan::first, "Its first label.")
      .def_readonly("last", &CtcSpan::last, "The label behind its last one.")
      .def_readonly("start", &CtcSpan::start, "Its first frame.")
      .def_readonly("end", &CtcSpan::end, "The frame behind its last one.")
      .def_readonly("confidence", &CtcSpan::confidence, "The geometric mean over all frames of its labels.");
  module.def("ctc_collapse", collapse, py::arg("path"), py::arg("blank") = 0);
  module.def("ctc_greedy", greedy, py::arg("log_probs"), py::arg("lengths") = py::none(), py::arg("blank") = 0,
             py::arg("deadline") = py::none(), py::arg("cancel") = py::none());
  module.def("ctc_align", align, py::arg("log_probs"), py::arg("targets"), py::arg("lengths") = py::none(),
             py::arg("target_lengths") = py::none(), py::arg("blank") = 0, py::arg("deadline") = py::none(),
             py::arg("cancel") = py::none());
  module.def(
      "ctc_words",
      [](const CtcAlignment& alignment, std::int64_t separator) { return ctc_words(alignment.tokens, separator); },
      py::arg("alignment"), py::arg("separator"));
  module.def(
      "ctc_segments",
      [](const CtcAlignment& alignment, const std::vector<CtcSpan>& words, std::int64_t pause) {
        return ctc_segments(alignment.tokens, words, pause);
      },
      py::arg("alignment"), py::arg("words"), py::arg("pause"));
}

}  // namespace pyseq
