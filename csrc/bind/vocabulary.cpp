// pyseq/vocabulary.h: the table between text units and ids that a program file carries.
#include "pyseq/vocabulary.h"

#include <pybind11/stl.h>

#include <memory>
#include <utility>

#include "bind/bind.h"

namespace pyseq {
namespace {

TextUnit unit_from_name(const std::string& name) {
  if (name == "character") return TextUnit::character;
  if (name == "word") return TextUnit::word;
  if (name == "subword") return TextUnit::subword;
  throw ValueError("Vocabulary: unit is '" + name + "', expected 'character', 'word' or 'subword'");
}

using Merges = std::vector<std::pair<std::int64_t, std::int64_t>>;

}  // namespace

void bind_vocabulary(py::module_& module) {
  py::class_<Vocabulary, std::shared_ptr<Vocabulary>>(
      module, "Vocabulary", "The vocabulary of a program file; pyseq.text.Vocabulary is the one to build and save.")
      .def(py::init([](std::vector<std::string> tokens, const std::string& unit, std::optional<std::int64_t> unknown) {
             return std::make_shared<Vocabulary>(std::move(tokens), unit_from_name(unit), unknown);
           }),
           py::arg("tokens"), py::arg("unit"), py::arg("unknown") = py::none())
      .def_static(
          "subwords",
          [](std::vector<std::string> tokens, std::optional<std::int64_t> unknown, Merges merges,
             std::vector<double> scores, bool splits_punctuation) {
            SubwordRules rules{std::move(merges), std::move(scores), splits_punctuation};
            return std::make_shared<Vocabulary>(std::move(tokens), unknown, std::move(rules));
          },
          py::arg("tokens"), py::arg("unknown") = py::none(), py::arg("merges") = Merges{},
          py::arg("scores") = std::vector<double>{}, py::arg("splits_punctuation") = false,
          "A vocabulary of pieces of words, found by merges or by scores.")
      .def_property_readonly(
          "tokens",
          [](const Vocabulary& self) { return std::vector<std::string>(self.tokens().begin(), self.tokens().end()); },
          "The tokens; token n has id n.")
      .def_property_readonly(
          "unit", [](const Vocabulary& self) { return text_unit_name(self.unit()); },
          "What texts are split into: \"character\", \"word\" or \"subword\".")
      .def_property_readonly("unknown", &Vocabulary::unknown, "Id of tokens that are not in the table, or None.")
      .def("__len__", &Vocabulary::size)
      .def("token", &Vocabulary::token, py::arg("id"), "The token of an id.")
      .def(
          "find", [](const Vocabulary& self, const std::string& token) { return self.find(token); }, py::arg("token"),
          "The id of a token, or None.")
      .def(
          "split", [](const Vocabulary& self, const std::string& text) { return self.split(text); }, py::arg("text"),
          "The characters or words of a text; of subwords what pieces are looked for in.")
      .def(
          "encode", [](const Vocabulary& self, const std::string& text) { return self.encode(text); }, py::arg("text"),
          "The ids of a text.")
      .def(
          "decode", [](const Vocabulary& self, const std::vector<std::int64_t>& ids) { return self.decode(ids); },
          py::arg("ids"),
          "The text of ids: characters joined directly, words by single spaces, U+2581 of subwords as a space.");
}

}  // namespace pyseq
