// pyseq/decode.h: search and scoring with the step function of a program or any Python object.
#include "pyseq/decode.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/limits.h"
#include "bind/step_model.h"
#include "pyseq/search_trace.h"

namespace pyseq {
namespace {

using Ids = std::vector<std::int64_t>;

std::vector<std::vector<std::pair<std::int64_t, float>>> top_tokens(const Hypothesis& self) {
  std::vector<std::vector<std::pair<std::int64_t, float>>> result;
  for (const std::vector<TokenChoice>& choices : self.top_tokens) {
    result.emplace_back();
    for (const TokenChoice& choice : choices) result.back().emplace_back(choice.token, choice.log_prob);
  }
  return result;
}

void bind_trace(py::module_& module) {
  py::class_<SearchTrace, std::shared_ptr<SearchTrace>>(module, "SearchTrace", "Every candidate of a search.")
      .def(
          "json",
          [](const SearchTrace& self, const std::string& title, const std::string& separator,
             const std::optional<std::vector<std::string>>& tokens) {
            TraceNames names{title, separator, {}};
            if (tokens) names.text = [&](std::int64_t id) { return tokens->at(static_cast<std::size_t>(id)); };
            return self.json(names);
          },
          py::arg("title") = "", py::arg("separator") = "", py::arg("tokens") = py::none(),
          "The trace as JSON; `tokens` are the texts of all tokens.");
}

void bind_hypothesis(py::module_& module) {
  py::class_<Hypothesis>(module, "Hypothesis", "One result of a search.")
      .def_readonly("ids", &Hypothesis::ids, "Token ids without start and end marks.")
      .def_readonly("score", &Hypothesis::score, "Log probability, divided as length_penalty says.")
      .def_readonly("token_log_probs", &Hypothesis::token_log_probs,
                    "One log probability per id, and one for the end mark when finished.")
      .def_readonly("finished", &Hypothesis::finished, "False for a hypothesis that was cut at max_length, or stopped.")
      .def_property_readonly(
          "trace", [](const Hypothesis& self) { return std::const_pointer_cast<SearchTrace>(self.trace); },
          "What the search of its source did, or None.")
      .def_property_readonly("top_tokens", top_tokens,
                             "The likeliest tokens, as (id, log probability), for each of token_log_probs.")
      .def_property_readonly(
          "attention", [](const Hypothesis& self) { return optional_array(self.attention); },
          "Attention [ids, source positions], or None.");
}

std::vector<std::vector<Hypothesis>> search_from_python(const py::object& step_model, std::int64_t sources,
                                                        std::int64_t start, std::int64_t end, DecodingOptions options,
                                                        const std::vector<Ids>& prefixes,
                                                        const std::vector<SourceOptions>& each,
                                                        std::optional<double> deadline, const CancelToken* cancel) {
  StepModelArgument argument(step_model);
  options.limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  if (!each.empty()) {
    if (static_cast<std::int64_t>(each.size()) != sources || !prefixes.empty()) {
      throw ValueError("search: " + std::to_string(each.size()) +
                       " options of sources, expected none or one per source (" + std::to_string(sources) +
                       "), with the prefixes in them");
    }
    return search(argument.model(), Marks{.start = start, .end = end}, options, each);
  }
  return search(argument.model(), sources, Marks{.start = start, .end = end}, options, prefixes);
}

std::vector<Hypothesis> score_from_python(const py::object& step_model, const std::vector<Ids>& targets,
                                          std::int64_t start, std::int64_t end, double length_penalty, bool with_end,
                                          std::optional<double> deadline, const CancelToken* cancel) {
  StepModelArgument argument(step_model);
  const RunLimits limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  return score(argument.model(), Marks{.start = start, .end = end}, targets, length_penalty, with_end, limits);
}

void bind_mixtures(py::module_& module) {
  py::class_<PyEnsemble>(module, "Ensemble", "Step models whose probabilities are averaged; see pyseq.decode.ensemble.")
      .def(py::init([](std::vector<py::object> models, const std::string& mean, std::vector<double> weights) {
             return PyEnsemble{std::move(models), ensemble_mean(mean), std::move(weights)};
           }),
           py::arg("models"), py::arg("mean") = "probabilities", py::arg("weights") = std::vector<double>{});
  py::class_<PyFusion>(module, "Fusion", "A step model and a language model; see pyseq.decode.fuse.")
      .def(py::init([](py::object model, py::object language_model, double weight,
                       std::optional<std::int64_t> language_start, double model_weight) {
             return PyFusion{std::move(model), std::move(language_model), weight, language_start, model_weight};
           }),
           py::arg("model"), py::arg("language_model"), py::arg("weight"), py::arg("language_start") = py::none(),
           py::arg("model_weight") = 1.0);
  py::class_<PyCtcPrefixes>(module, "CtcPrefixes", "CTC as a step model; see pyseq.decode.ctc_prefixes.")
      .def(py::init([](const py::object& log_probs, const py::object& lengths, std::int64_t blank, std::int64_t end) {
             Tensor frames = tensor_from_array(log_probs, "ctc_prefixes", "log_probs");
             Tensor valid = lengths.is_none() ? Tensor() : tensor_from_array(lengths, "ctc_prefixes", "lengths");
             CtcPrefixStepModel(frames, valid, blank, end);  // says what is wrong with them
             return PyCtcPrefixes{frames.copy(), valid.defined() ? valid.copy() : valid, blank, end};
           }),
           py::arg("log_probs"), py::arg("lengths"), py::arg("blank"), py::arg("end"));
}

}  // namespace

void bind_decode(py::module_& module) {
  bind_trace(module);
  bind_hypothesis(module);
  bind_mixtures(module);
  py::class_<PyProgramStepModel>(module, "ProgramStepModel",
                                 "The `step` function of a program with a state, which is cloned.")
      .def(py::init([](std::shared_ptr<PySession> session, PyState& state, const std::optional<std::string>& attention,
                       int head) {
             std::optional<AttentionSource> source;
             if (attention) source = AttentionSource{.path = *attention, .head = head};
             return std::make_unique<PyProgramStepModel>(std::move(session), state, std::move(source));
           }),
           py::arg("session"), py::arg("state"), py::arg("attention") = py::none(), py::arg("head") = -1);
  module.def("search", search_from_python, py::arg("step_model"), py::arg("sources"), py::arg("start"), py::arg("end"),
             py::arg_v("options", DecodingOptions(), "DecodingOptions()"), py::arg("prefixes") = std::vector<Ids>{},
             py::arg("each") = std::vector<SourceOptions>{}, py::arg("deadline") = py::none(),
             py::arg("cancel") = py::none(),
             "Greedy or beam search: for each source its hypotheses, best first.\n\n"
             "`step_model` is a ProgramStepModel or an object with step(tokens [rows, time] int64) -> logits [rows,\n"
             "time, vocabulary] float32, reorder(parents [rows] int64) and, if it has one, attention() -> [rows,\n"
             "time, source positions] of the last step or None.");
  module.def("score", score_from_python, py::arg("step_model"), py::arg("targets"), py::arg("start"), py::arg("end"),
             py::arg("length_penalty") = 0.0, py::arg("with_end") = true, py::arg("deadline") = py::none(),
             py::arg("cancel") = py::none(), "Log probabilities of given targets, one hypothesis per row.");
}

}  // namespace pyseq
