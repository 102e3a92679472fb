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

namespace pyseq {
namespace {

using Ids = std::vector<std::int64_t>;

void bind_options(py::module_& module) {
  const DecodingOptions defaults;
  py::class_<DecodingOptions>(module, "DecodingOptions", "How to search; see pyseq.decode for what each option means.")
      .def(py::init([](int beam_size, int n_best, double length_penalty, double patience, std::int64_t min_length,
                       std::int64_t max_length, bool return_attention) {
             return DecodingOptions{.beam_size = beam_size,
                                    .n_best = n_best,
                                    .length_penalty = length_penalty,
                                    .patience = patience,
                                    .min_length = min_length,
                                    .max_length = max_length,
                                    .return_attention = return_attention,
                                    .limits = {}};
           }),
           py::kw_only(), py::arg("beam_size") = defaults.beam_size, py::arg("n_best") = defaults.n_best,
           py::arg("length_penalty") = defaults.length_penalty, py::arg("patience") = defaults.patience,
           py::arg("min_length") = defaults.min_length, py::arg("max_length") = defaults.max_length,
           py::arg("return_attention") = defaults.return_attention)
      .def_readwrite("beam_size", &DecodingOptions::beam_size, "Hypotheses kept at each step; 1 is greedy search.")
      .def_readwrite("n_best", &DecodingOptions::n_best, "Hypotheses returned, at most beam_size.")
      .def_readwrite("length_penalty", &DecodingOptions::length_penalty,
                     "Scores are divided by length ** this, the end mark counted.")
      .def_readwrite("patience", &DecodingOptions::patience,
                     "With a length penalty: stop after round(beam_size * patience) finished hypotheses.")
      .def_readwrite("min_length", &DecodingOptions::min_length, "Tokens before the end mark is allowed.")
      .def_readwrite("max_length", &DecodingOptions::max_length,
                     "Tokens before a hypothesis is cut; 0 leaves it to the model.")
      .def_readwrite("return_attention", &DecodingOptions::return_attention, "Whether hypotheses carry attention.");
}

void bind_hypothesis(py::module_& module) {
  py::class_<Hypothesis>(module, "Hypothesis", "One result of a search.")
      .def_readonly("ids", &Hypothesis::ids, "Token ids without start and end marks.")
      .def_readonly("score", &Hypothesis::score, "Log probability, divided as length_penalty says.")
      .def_readonly("token_log_probs", &Hypothesis::token_log_probs,
                    "One log probability per id, and one for the end mark when finished.")
      .def_readonly("finished", &Hypothesis::finished, "False for a hypothesis that was cut at max_length.")
      .def_property_readonly(
          "attention", [](const Hypothesis& self) { return optional_array(self.attention); },
          "Attention [ids, source positions], or None.");
}

std::vector<std::vector<Hypothesis>> search_from_python(const py::object& step_model, std::int64_t sources,
                                                        std::int64_t start, std::int64_t end, DecodingOptions options,
                                                        const std::vector<Ids>& prefixes,
                                                        std::optional<double> deadline, const CancelToken* cancel) {
  StepModelArgument argument(step_model);
  options.limits = make_limits(deadline, cancel);
  const py::gil_scoped_release no_gil;
  return search(argument.model(), sources, Marks{.start = start, .end = end}, options, prefixes);
}

std::vector<Hypothesis> score_from_python(const py::object& step_model, const std::vector<Ids>& targets,
                                          std::int64_t start, std::int64_t end, double length_penalty, bool with_end,
                                          std::optional<double> deadline, const CancelToken* cancel) {
  StepModelArgument argument(step_model);
  const RunLimits limits = make_limits(deadline, cancel);
  const py::gil_scoped_release no_gil;
  return score(argument.model(), Marks{.start = start, .end = end}, targets, length_penalty, with_end, limits);
}

}  // namespace

void bind_decode(py::module_& module) {
  bind_options(module);
  bind_hypothesis(module);
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
             py::arg("deadline") = py::none(), py::arg("cancel") = py::none(),
             "Greedy or beam search: for each source its hypotheses, best first.\n\n"
             "`step_model` is a ProgramStepModel or an object with step(tokens [rows, time] int64) -> logits [rows,\n"
             "time, vocabulary] float32, reorder(parents [rows] int64) and, if it has one, attention() -> [rows,\n"
             "time, source positions] of the last step or None.");
  module.def("score", score_from_python, py::arg("step_model"), py::arg("targets"), py::arg("start"), py::arg("end"),
             py::arg("length_penalty") = 0.0, py::arg("with_end") = true, py::arg("deadline") = py::none(),
             py::arg("cancel") = py::none(), "Log probabilities of given targets, one hypothesis per row.");
}

}  // namespace pyseq
