// pyseq/captioner.h: pictures in, hypotheses out.
#include "pyseq/captioner.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <vector>

#include "bind/arrays.h"
#include "bind/constraints.h"
#include "bind/limits.h"

namespace pyseq {
namespace {

std::vector<std::vector<Caption>> caption_batch(const Captioner& self, const py::object& images,
                                                DecodingOptions options, const std::vector<SourceOptions>& each,
                                                std::optional<double> deadline, const CancelToken* cancel) {
  options.limits = make_limits(deadline, cancel);
  const Tensor pictures = tensor_from_array(images, "caption", "images");
  const GilRelease no_gil;
  return self.caption_batch(pictures, options, each);
}

}  // namespace

void bind_captioner(py::module_& module) {
  py::class_<Caption, Hypothesis>(module, "Caption", "A hypothesis with its text.")
      .def_readonly("text", &Caption::text, "The tokens joined.")
      .def_readonly("tokens", &Caption::tokens, "The token of every id.");
  py::class_<Captioner>(module, "Captioner", "A program whose task is \"captioner\"; usable from many threads.")
      .def(py::init([](const std::shared_ptr<Program>& program) { return std::make_unique<Captioner>(program); }),
           py::arg("program"))
      .def_property_readonly("image_size", &Captioner::image_size, "Height, width and channels of a picture.")
      .def_property_readonly("grid", &Captioner::grid, "Rows and columns of the places that attention is given for.")
      .def_property_readonly("default_max_length", &Captioner::default_max_length,
                             "Longest caption in tokens unless options say otherwise.")
      .def(
          "regex",
          [](const Captioner& self, const std::string& pattern) { return PyTokenAutomaton{self.regex(pattern)}; },
          py::arg("pattern"), "Captions that match a pattern.")
      .def(
          "trie",
          [](const Captioner& self, const std::vector<std::string>& texts) {
            return PyTokenAutomaton{self.trie(texts)};
          },
          py::arg("texts"), "These captions.")
      .def(
          "phrase", [](const Captioner& self, const std::string& text) { return self.phrase(text); }, py::arg("text"),
          "The ids of a text, all of whose parts the vocabulary knows.")
      .def("caption_batch", caption_batch, py::arg("images"),
           py::arg_v("options", DecodingOptions(), "DecodingOptions()"), py::arg("each") = std::vector<SourceOptions>{},
           py::arg("deadline") = py::none(), py::arg("cancel") = py::none(),
           "For each picture its n-best captions, best first.");
}

}  // namespace pyseq
