// pyseq/decoding_options.h: how to search.
#include "pyseq/decoding_options.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bind/constraints.h"

namespace pyseq {
namespace {

template <typename Enum>
using Names = std::vector<std::pair<const char*, Enum>>;

const Names<EarlyExit> kEarlyExits{{"automatic", EarlyExit::automatic},
                                   {"first", EarlyExit::first},
                                   {"patience", EarlyExit::patience},
                                   {"bound", EarlyExit::bound},
                                   {"never", EarlyExit::never}};
const Names<LengthNormalization> kNormalizations{{"power", LengthNormalization::power},
                                                 {"gnmt", LengthNormalization::gnmt}};

template <typename Enum>
std::string name_of(Enum value, const Names<Enum>& names) {
  for (const auto& entry : names) {
    if (entry.second == value) return entry.first;
  }
  return "";
}

template <typename Enum>
Enum value_of(const char* option, const std::string& name, const Names<Enum>& names) {
  std::string known;
  for (const auto& entry : names) {
    if (entry.first == name) return entry.second;
    known += std::string(known.empty() ? "" : ", ") + "'" + entry.first + "'";
  }
  throw ValueError(std::string("decoding options: ") + option + " is '" + name + "', expected one of " + known);
}

/// Sets attributes by name, for constructors that take keywords alone.
template <typename Options>
std::unique_ptr<Options> from_keywords(const py::kwargs& keywords) {
  auto options = std::make_unique<Options>();
  const py::object view = py::cast(options.get(), py::return_value_policy::reference);
  for (const auto& keyword : keywords) {
    if (!py::hasattr(view, keyword.first)) {
      throw ValueError("unknown option '" + keyword.first.cast<std::string>() + "'");
    }
    py::setattr(view, keyword.first, keyword.second);
  }
  return options;
}

Verdict as_verdict(const py::object& answer) {
  if (answer.is_none()) return Verdict::proceed;
  if (py::isinstance<py::bool_>(answer)) return answer.cast<bool>() ? Verdict::stop_source : Verdict::proceed;
  const std::string text = py::isinstance<py::str>(answer) ? answer.cast<std::string>() : "";
  if (text == "source") return Verdict::stop_source;
  if (text == "all") return Verdict::stop_all;
  throw ValueError("on_step: the answer is " + py::repr(answer).cast<std::string>() +
                   ", expected None, a bool, 'source' or 'all'");
}

/// Options are copied and let go without the GIL; the callable then is not touched.
std::function<Verdict(const SearchProgress&)> as_callback(py::object callable) {
  if (callable.is_none()) return {};
  const std::shared_ptr<py::object> shared(new py::object(std::move(callable)), [](py::object* object) {
    const GilAcquire gil;
    delete object;
  });
  return [shared](const SearchProgress& progress) {
    const GilAcquire gil;
    return as_verdict((*shared)(py::cast(progress)));
  };
}

void bind_sampling_options(py::module_& module) {
  py::class_<SamplingOptions>(module, "SamplingOptions", "How tokens are drawn; see pyseq.search_options.")
      .def(py::init(&from_keywords<SamplingOptions>))
      .def_readwrite("temperature", &SamplingOptions::temperature, "Logits are divided by it; 0: the likeliest token.")
      .def_readwrite("top_k", &SamplingOptions::top_k, "Only the k likeliest tokens; 0: all.")
      .def_readwrite("top_p", &SamplingOptions::top_p, "Only the likeliest tokens that have this probability together.")
      .def_readwrite("min_p", &SamplingOptions::min_p, "Only tokens with this share of the largest probability.")
      .def_readwrite("seed", &SamplingOptions::seed, "The same seed and stream draw the same tokens.")
      .def_readwrite("stream", &SamplingOptions::stream, "A number per request.");
}

template <typename Value>
auto token_option(Value TokenOptions::* member) {
  return [member](const DecodingOptions& self) { return self.tokens.*member; };
}

template <typename Value>
auto set_token_option(Value TokenOptions::* member) {
  return [member](DecodingOptions& self, Value value) { self.tokens.*member = std::move(value); };
}

void bind_token_options(py::class_<DecodingOptions>& options) {
  const auto add = [&](const char* name, auto member, const char* description) {
    options.def_property(name, token_option(member), set_token_option(member), description);
  };
  add("biases", &TokenOptions::biases, "(token, what is added to its logit) pairs.");
  add("repetition_penalty", &TokenOptions::repetition_penalty, "Makes tokens of the hypothesis less likely.");
  add("no_repeat_ngram", &TokenOptions::no_repeat_ngram, "No n tokens in a row come twice; 0: they may.");
  add("suppress", &TokenOptions::suppress, "Tokens that never come.");
  add("suppress_first", &TokenOptions::suppress_first, "Tokens that do not come first.");
  add("suppress_sequences", &TokenOptions::suppress_sequences, "Tokens that never come one after the other.");
  add("vocabulary", &TokenOptions::vocabulary, "Only these tokens and the end mark come; empty: all.");
}

void bind_options(py::module_& module) {
  py::class_<DecodingOptions> options(module, "DecodingOptions",
                                      "How to search; see pyseq.search_options for what each option means.");
  options.def(py::init(&from_keywords<DecodingOptions>))
      .def_readwrite("beam_size", &DecodingOptions::beam_size, "Hypotheses kept at each step; 1 is greedy search.")
      .def_readwrite("n_best", &DecodingOptions::n_best, "Hypotheses returned, at most beam_size.")
      .def_readwrite("length_penalty", &DecodingOptions::length_penalty, "The alpha of the length normalisation.")
      .def_property(
          "length_normalization",
          [](const DecodingOptions& self) { return name_of(self.length_normalization, kNormalizations); },
          [](DecodingOptions& self, const std::string& name) {
            self.length_normalization = value_of("length_normalization", name, kNormalizations);
          },
          "'power': length ** alpha; 'gnmt': ((5 + length) / 6) ** alpha.")
      .def_readwrite("coverage_penalty", &DecodingOptions::coverage_penalty, "The beta of the coverage penalty.")
      .def_property(
          "early_exit", [](const DecodingOptions& self) { return name_of(self.early_exit, kEarlyExits); },
          [](DecodingOptions& self, const std::string& name) {
            self.early_exit = value_of("early_exit", name, kEarlyExits);
          },
          "When a source is done: 'automatic', 'first', 'patience', 'bound' or 'never'.")
      .def_readwrite("patience", &DecodingOptions::patience, "Finished hypotheses that end a search, per beam_size.")
      .def_readwrite("min_length", &DecodingOptions::min_length, "Tokens before the end mark is allowed.")
      .def_readwrite("max_length", &DecodingOptions::max_length,
                     "Tokens before a hypothesis is cut; 0 leaves it to the model.")
      .def_readwrite("groups", &DecodingOptions::groups, "Groups of a diverse beam search.")
      .def_readwrite("diversity_penalty", &DecodingOptions::diversity_penalty,
                     "How much lower a group ranks tokens of earlier groups.")
      .def_readwrite("prefix_bias", &DecodingOptions::prefix_bias, "0: prefixes are forced; otherwise favoured.")
      .def_readwrite("alternatives", &DecodingOptions::alternatives,
                     "Whether the n_best likeliest tokens after the prefix go on each for itself.")
      .def_readwrite("min_alternative_prob", &DecodingOptions::min_alternative_prob,
                     "How likely an alternative is at least.")
      .def_readwrite("sampling", &DecodingOptions::sampling, "How tokens are drawn; None: they are searched for.")
      .def_property(
          "allowed", [](const DecodingOptions& self) { return as_python(self.allowed); },
          [](DecodingOptions& self, const std::vector<PyTokenAutomaton>& allowed) { self.allowed = as_core(allowed); },
          "Automata that accept every hypothesis.")
      .def_readwrite("trace", &DecodingOptions::trace, "Whether hypotheses carry the trace of their search.")
      .def_readwrite("return_attention", &DecodingOptions::return_attention, "Whether hypotheses carry attention.")
      .def_readwrite("top_tokens", &DecodingOptions::top_tokens, "Likeliest tokens given for every token.")
      .def_property(
          "on_step", [](const DecodingOptions& self) { return static_cast<bool>(self.on_step); },
          [](DecodingOptions& self, py::object callable) { self.on_step = as_callback(std::move(callable)); },
          "A function that is asked after every step; reads as whether there is one.");
  bind_token_options(options);
}

void bind_progress(py::module_& module) {
  py::class_<LiveHypothesis>(module, "LiveHypothesis", "A hypothesis while the search goes on.")
      .def_readonly("ids", &LiveHypothesis::ids, "Token ids without start and end marks.")
      .def_readonly("log_prob", &LiveHypothesis::log_prob, "Its log probability.")
      .def_readonly("score", &LiveHypothesis::score, "Its score, were it finished now.");
  py::class_<SearchProgress>(module, "SearchProgress", "One source after a step of a search.")
      .def_readonly("source", &SearchProgress::source, "Which source.")
      .def_readonly("length", &SearchProgress::length, "Tokens of what is alive.")
      .def_readonly("done", &SearchProgress::done, "Whether nothing is alive.")
      .def_readonly("alive", &SearchProgress::alive, "Hypotheses that go on.")
      .def_readonly("finished", &SearchProgress::finished, "Those that have ended, in that order.");
}

}  // namespace

void bind_decoding_options(py::module_& module) {
  bind_sampling_options(module);
  bind_options(module);
  bind_progress(module);
  py::class_<SourceOptions>(module, "SourceOptions", "What may differ from source to source.")
      .def(py::init(&from_keywords<SourceOptions>))
      .def_readwrite("context", &SourceOptions::context, "Tokens before its hypotheses; all but the last are read.")
      .def_readwrite("prefix", &SourceOptions::prefix, "What its hypotheses begin with.")
      .def_readwrite("vocabulary", &SourceOptions::vocabulary, "Only these tokens and the end mark come; empty: all.")
      .def_readwrite("phrases", &SourceOptions::phrases, "Token sequences that its hypotheses contain.")
      .def_property(
          "allowed", [](const SourceOptions& self) { return as_python(self.allowed); },
          [](SourceOptions& self, const std::vector<PyTokenAutomaton>& allowed) { self.allowed = as_core(allowed); },
          "Automata that accept its hypotheses.")
      .def_readwrite("seed", &SourceOptions::seed, "Of its draws.")
      .def_readwrite("stream", &SourceOptions::stream, "Of its draws.");
}

}  // namespace pyseq
