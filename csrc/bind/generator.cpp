// pyseq/generator.h: text that goes on.
#include "pyseq/generator.h"

#include <pybind11/stl.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bind/constraints.h"
#include "bind/limits.h"

namespace pyseq {
namespace {

/// A stream that Python iterates over, from whichever thread.
class PyTextStream {
 public:
  PyTextStream(const Generator& generator, const std::string& prompt, GenerationOptions options,
               std::optional<double> deadline, py::object cancel)
      : cancel_(std::move(cancel)) {
    options.limits = make_limits(deadline, token());
    deadline_ = options.limits.deadline;
    const GilRelease no_gil;
    stream_.emplace(generator.stream(prompt, options));
  }

  GeneratedToken next() {
    // `"".join(stream)` runs no line of Python between the tokens, and a token takes less than the period of a poll.
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    RunLimits limits = make_limits(std::nullopt, token());
    limits.deadline = deadline_;
    std::optional<GeneratedToken> token;
    {
      const GilRelease no_gil;
      const std::lock_guard lock(mutex_);
      stream_->set_limits(limits);
      token = stream_->next();
    }
    if (!token) throw py::stop_iteration();
    return std::move(*token);
  }

 private:
  const CancelToken* token() const { return cancel_.is_none() ? nullptr : cancel_.cast<const CancelToken*>(); }

  std::mutex mutex_;
  py::object cancel_;  // kept alive
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::optional<TextStream> stream_;
};

std::vector<std::vector<Continuation>> generate_batch(const Generator& self, const std::vector<std::string>& prompts,
                                                      DecodingOptions options, const std::vector<SourceOptions>& each,
                                                      std::optional<double> deadline, const CancelToken* cancel) {
  options.limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  return self.generate_batch(prompts, options, each);
}

void bind_generation_options(py::module_& module) {
  py::class_<GenerationOptions>(module, "GenerationOptions", "How the tokens of a text are drawn.")
      .def(py::init([](std::int64_t max_length, double temperature, std::int64_t top_k, double top_p, double min_p,
                       std::uint64_t seed, std::uint64_t stream, const std::vector<PyTokenAutomaton>& allowed) {
             GenerationOptions options;
             options.max_length = max_length;
             options.sampling = {temperature, top_k, top_p, min_p, seed, stream};
             options.allowed = as_core(allowed);
             return options;
           }),
           py::kw_only(), py::arg("max_length") = 0, py::arg("temperature") = 1.0, py::arg("top_k") = 0,
           py::arg("top_p") = 1.0, py::arg("min_p") = 0.0, py::arg("seed") = 0, py::arg("stream") = 0,
           py::arg("allowed") = std::vector<PyTokenAutomaton>{});
}

TextScore score_text(const Generator& self, const std::string& text) {
  const RunLimits limits = make_limits(std::nullopt, nullptr);
  const GilRelease no_gil;
  return self.score(text, limits);
}

}  // namespace

void bind_generator(py::module_& module) {
  bind_generation_options(module);
  py::class_<Continuation, Hypothesis>(module, "Continuation", "A hypothesis of what follows a prompt.")
      .def_readonly("text", &Continuation::text, "What it adds to the prompt.")
      .def_readonly("tokens", &Continuation::tokens, "The token of every id.");
  py::class_<GeneratedToken>(module, "GeneratedToken", "One token of a text that is being written.")
      .def_readonly("id", &GeneratedToken::id, "Its number in the vocabulary.")
      .def_readonly("text", &GeneratedToken::text, "What it adds to the text.")
      .def_readonly("log_prob", &GeneratedToken::log_prob, "Its log probability, of the model.");
  py::class_<TextScore>(module, "TextScore", "How likely a model finds a text.")
      .def_readonly("tokens", &TextScore::tokens, "The tokens that were judged.")
      .def_readonly("token_log_probs", &TextScore::token_log_probs, "The log probability of each.")
      .def_readonly("log_prob", &TextScore::log_prob, "Their sum.");
  py::class_<PyTextStream>(module, "TextStream", "A text while it is being written.")
      .def("__iter__", [](py::object self) { return self; })
      .def("__next__", &PyTextStream::next);
  py::class_<Generator>(module, "Generator", "A program whose task is \"generator\"; usable from many threads.")
      .def(py::init([](const std::shared_ptr<Program>& program) { return std::make_unique<Generator>(program); }),
           py::arg("program"))
      .def_property_readonly("default_max_length", &Generator::default_max_length,
                             "Tokens that are written unless options say otherwise.")
      .def(
          "stream",
          [](const Generator& self, const std::string& prompt, const GenerationOptions& options,
             std::optional<double> deadline, py::object cancel) {
            return std::make_unique<PyTextStream>(self, prompt, options, deadline, std::move(cancel));
          },
          py::arg("prompt"), py::arg_v("options", GenerationOptions(), "GenerationOptions()"),
          py::arg("deadline") = py::none(), py::arg("cancel") = py::none(), "The tokens after a prompt.")
      .def("generate_batch", generate_batch, py::arg("prompts"),
           py::arg_v("options", DecodingOptions(), "DecodingOptions()"), py::arg("each") = std::vector<SourceOptions>{},
           py::arg("deadline") = py::none(), py::arg("cancel") = py::none(),
           "For each prompt the hypotheses of what follows it, best first.")
      .def(
          "phrase", [](const Generator& self, const std::string& text) { return self.phrase(text); }, py::arg("text"),
          "The ids of a text, all of whose parts the vocabulary knows.")
      .def(
          "regex",
          [](const Generator& self, const std::string& pattern) { return PyTokenAutomaton{self.regex(pattern)}; },
          py::arg("pattern"), "Texts that match a pattern.")
      .def(
          "trie",
          [](const Generator& self, const std::vector<std::string>& texts) {
            return PyTokenAutomaton{self.trie(texts)};
          },
          py::arg("texts"), "These texts.")
      .def("score", score_text, py::arg("text"), "How likely the model finds a text.");
}

}  // namespace pyseq
