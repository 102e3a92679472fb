// pyseq/tagger.h: a label for every word of a text.
#include "pyseq/tagger.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "bind/bind.h"
#include "bind/limits.h"

namespace pyseq {
namespace {

using LabelledWord = std::tuple<std::string, float, std::size_t, std::size_t>;

/// Code points, which Python counts: the bytes that begin one.
std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::vector<LabelledWord> in_code_points(std::string_view text, const std::vector<WordLabel>& words) {
  std::vector<LabelledWord> result;
  std::size_t bytes = 0, characters = 0;  // up to the end of the last word
  for (const WordLabel& word : words) {
    const std::size_t begin = characters + count_code_points(text.substr(bytes, word.begin - bytes));
    characters = begin + count_code_points(text.substr(word.begin, word.end - word.begin));
    bytes = word.end;
    result.emplace_back(word.label, word.probability, begin, characters);
  }
  return result;
}

std::vector<std::vector<LabelledWord>> tag(const Tagger& self, const std::vector<std::string>& texts,
                                           std::optional<double> deadline, const CancelToken* cancel) {
  const RunLimits limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  const std::vector<std::vector<WordLabel>> tagged = self.tag_batch(texts, limits);
  std::vector<std::vector<LabelledWord>> results;
  for (std::size_t i = 0; i < texts.size(); ++i) results.push_back(in_code_points(texts[i], tagged[i]));
  return results;
}

}  // namespace

void bind_tagger(py::module_& module) {
  py::class_<Tagger>(module, "Tagger", "A program whose task is \"tagger\"; usable from many threads.")
      .def(py::init([](const std::shared_ptr<Program>& program) { return std::make_unique<Tagger>(program); }),
           py::arg("program"))
      .def_property_readonly("labels", &Tagger::labels, "All labels, in the order of the model's logits.")
      .def("tag_batch", tag, py::arg("texts"), py::arg("deadline") = py::none(), py::arg("cancel") = py::none(),
           "For each text its words: label, probability, begin and end in characters.");
}

}  // namespace pyseq
