// pyseq/translator.h: text in, hypotheses out.
#include "pyseq/translator.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bind/constraints.h"
#include "bind/limits.h"
#include "bind/step_model.h"
#include "pyseq/generator.h"

namespace pyseq {
namespace {

std::vector<std::vector<Translation>> translate_texts(const Translator& self, const std::vector<std::string>& texts,
                                                      DecodingOptions options,
                                                      const std::vector<std::string>& target_prefixes,
                                                      const std::vector<SourceOptions>& each,
                                                      const TranslationOptions& translation,
                                                      std::optional<double> deadline, const CancelToken* cancel) {
  options.limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  return self.translate_batch(texts, options, target_prefixes, each, translation);
}

Translation score_text(const Translator& self, const std::string& source, const std::string& target,
                       double length_penalty, std::optional<double> deadline, const CancelToken* cancel) {
  const RunLimits limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  return self.score(source, target, length_penalty, limits);
}

}  // namespace

void bind_translator(py::module_& module) {
  py::class_<Translation, Hypothesis>(module, "Translation", "A hypothesis with its text.")
      .def_readonly("text", &Translation::text, "The tokens joined.")
      .def_readonly("tokens", &Translation::tokens, "The token of every id.");
  py::class_<Translator> translator(module, "Translator",
                                    "A program whose task is \"translator\"; usable from many threads.");
  py::class_<TranslationOptions>(module, "TranslationOptions",
                                 "What a translation may have beside a search; models in it must outlive the call.")
      .def(py::init([](std::vector<const Translator*> ensemble, const std::string& ensemble_mean_name,
                       std::vector<double> ensemble_weights, const Generator* language_model,
                       double language_model_weight, bool replace_unknowns,
                       std::unordered_map<std::string, std::string> dictionary) {
             return TranslationOptions{std::move(ensemble),         ensemble_mean(ensemble_mean_name),
                                       std::move(ensemble_weights), language_model,
                                       language_model_weight,       replace_unknowns,
                                       std::move(dictionary)};
           }),
           py::kw_only(), py::arg("ensemble") = std::vector<const Translator*>{},
           py::arg("ensemble_mean") = "probabilities", py::arg("ensemble_weights") = std::vector<double>{},
           py::arg("language_model") = py::none(), py::arg("language_model_weight") = 0.0,
           py::arg("replace_unknowns") = false, py::arg("dictionary") = std::unordered_map<std::string, std::string>{});
  translator
      .def(py::init([](const std::shared_ptr<Program>& program) { return std::make_unique<Translator>(program); }),
           py::arg("program"))
      .def_property_readonly("default_max_length", &Translator::default_max_length,
                             "Longest output in tokens unless options say otherwise.")
      .def("translate_batch", translate_texts, py::arg("texts"),
           py::arg_v("options", DecodingOptions(), "DecodingOptions()"),
           py::arg("target_prefixes") = std::vector<std::string>{}, py::arg("each") = std::vector<SourceOptions>{},
           py::arg_v("translation", TranslationOptions(), "TranslationOptions()"), py::arg("deadline") = py::none(),
           py::arg("cancel") = py::none(), "For each text its n-best translations, best first.")
      .def(
          "regex",
          [](const Translator& self, const std::string& pattern) { return PyTokenAutomaton{self.regex(pattern)}; },
          py::arg("pattern"), "Outputs whose text matches a pattern.")
      .def(
          "trie",
          [](const Translator& self, const std::vector<std::string>& texts) {
            return PyTokenAutomaton{self.trie(texts)};
          },
          py::arg("texts"), "These outputs.")
      .def(
          "phrase", [](const Translator& self, const std::string& text) { return self.phrase(text); }, py::arg("text"),
          "The ids of a text, all of whose parts the target vocabulary knows.")
      .def("score", score_text, py::arg("source"), py::arg("target"), py::arg("length_penalty") = 0.0,
           py::arg("deadline") = py::none(), py::arg("cancel") = py::none(),
           "How likely the model finds a given translation.");
}

}  // namespace pyseq
