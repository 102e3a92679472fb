// pyseq/classifier.h: a label for a text.
#include "pyseq/classifier.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bind/bind.h"
#include "bind/limits.h"

namespace pyseq {
namespace {

using Ranking = std::vector<std::pair<std::string, float>>;

std::vector<Ranking> classify(const Classifier& self, const std::vector<std::string>& texts,
                              std::optional<double> deadline, const CancelToken* cancel) {
  const RunLimits limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  std::vector<Ranking> results;
  for (const auto& labels : self.classify_batch(texts, limits)) {
    results.emplace_back();
    for (const LabelProbability& one : labels) results.back().emplace_back(one.label, one.probability);
  }
  return results;
}

}  // namespace

void bind_classifier(py::module_& module) {
  py::class_<Classifier>(module, "Classifier", "A program whose task is \"classifier\"; usable from many threads.")
      .def(py::init([](const std::shared_ptr<Program>& program) { return std::make_unique<Classifier>(program); }),
           py::arg("program"))
      .def_property_readonly("labels", &Classifier::labels, "All labels, in the order of the model's logits.")
      .def("classify_batch", classify, py::arg("texts"), py::arg("deadline") = py::none(),
           py::arg("cancel") = py::none(), "For each text all labels with their probabilities, the most likely first.");
}

}  // namespace pyseq
