// pyseq/ngram.h: n-gram language models.
#include "pyseq/ngram.h"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "bind/bind.h"

namespace pyseq {
namespace {

using Scored = std::tuple<float, int, bool>;  // log10 probability, words of the n-gram, known

std::vector<Scored> score(const NgramModel& self, const std::vector<std::string>& words, bool begin, bool end) {
  std::vector<Scored> result;
  for (const NgramModel::Step& step : self.score(words, begin, end)) {
    result.emplace_back(step.log10_prob, step.order, step.order > 0);
  }
  return result;
}

}  // namespace

void bind_ngram(py::module_& module) {
  py::class_<NgramModel, std::shared_ptr<NgramModel>>(module, "NgramModel", "See pyseq.ctc.NgramModel.")
      .def_static(
          "load",
          [](const std::filesystem::path& file) {
            const GilRelease no_gil;
            return std::const_pointer_cast<NgramModel>(NgramModel::load(file));
          },
          py::arg("file"), "An ARPA file, or the binary form, which is mapped.")
      .def_static(
          "parse",
          [](const py::bytes& content) {
            const auto owner = std::make_shared<const std::string>(content);
            const GilRelease no_gil;
            const auto bytes = std::as_bytes(std::span(*owner));
            return std::const_pointer_cast<NgramModel>(NgramModel::read(bytes, owner, "text"));
          },
          py::arg("content"), "The same from the content of a file.")
      .def("save", &NgramModel::save, py::arg("file"), "Writes the binary form.")
      .def_property_readonly("order", &NgramModel::order, "Words of the longest n-grams.")
      .def_property_readonly("counts", &NgramModel::counts, "N-grams of each order.")
      .def("__len__", &NgramModel::vocabulary_size)
      .def("__contains__", [](const NgramModel& self, const std::string& word) { return self.contains(word); })
      .def(
          "word", [](const NgramModel& self, NgramModel::Word word) { return std::string(self.word(word)); },
          py::arg("number"), "The word of a number.")
      .def("score", score, py::arg("words"), py::arg("begin"), py::arg("end"),
           "log10 probability, words of the n-gram that was found, and whether the word is known, for each word.");
}

}  // namespace pyseq
