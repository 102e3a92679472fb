// pyseq/generator.h: text that goes on.
#include "pyseq/generator.h"

#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "bind/constraints.h"
#include "bind/limits.h"

namespace pyseq {
namespace {

/// A stream that Python iterates over, from whichever thread.
class PyTextStream {
 public:
  explicit PyTextStream(TextStream stream) : stream_(std::move(stream)) {}

  GeneratedToken next() {
    const RunLimits limits = make_limits(std::nullopt, nullptr);
    std::optional<GeneratedToken> token;
    {
      const py::gil_scoped_release no_gil;
      const std::lock_guard lock(mutex_);
      stream_.set_limits(limits);
      token = stream_.next();
    }
    if (!token) throw py::stop_iteration();
    return std::move(*token);
  }

 private:
  std::mutex mutex_;
  TextStream stream_;
};

std::unique_ptr<PyTextStream> stream(const Generator& self, const std::string& prompt, std::int64_t max_length,
                                     double temperature, std::int64_t top_k, double top_p, double min_p,
                                     std::uint64_t seed, std::uint64_t stream_number,
                                     const std::vector<PyTokenAutomaton>& allowed) {
  GenerationOptions options;
  options.max_length = max_length;
  options.sampling = {temperature, top_k, top_p, min_p, seed, stream_number};
  options.allowed = as_core(allowed);
  options.limits = make_limits(std::nullopt, nullptr);
  const py::gil_scoped_release no_gil;
  return std::make_unique<PyTextStream>(self.stream(prompt, options));
}

TextScore score(const Generator& self, const std::string& text) {
  const RunLimits limits = make_limits(std::nullopt, nullptr);
  const py::gil_scoped_release no_gil;
  return self.score(text, limits);
}

}  // namespace

void bind_generator(py::module_& module) {
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
      .def("stream", stream, py::arg("prompt"), py::arg("max_length"), py::arg("temperature"), py::arg("top_k"),
           py::arg("top_p"), py::arg("min_p"), py::arg("seed"), py::arg("stream"),
           py::arg("allowed") = std::vector<PyTokenAutomaton>{}, "The tokens after a prompt.")
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
      .def("score", score, py::arg("text"), "How likely the model finds a text.");
}

}  // namespace pyseq
