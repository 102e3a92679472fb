// pyseq/ctc_decoder.h: prefix beam search.
#include "pyseq/ctc_decoder.h"

#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "bind/arrays.h"
#include "bind/limits.h"

namespace pyseq {
namespace {

CtcLanguageUnit language_unit(const std::string& name) {
  if (name == "word") return CtcLanguageUnit::word;
  if (name == "token") return CtcLanguageUnit::token;
  throw ValueError("ctc.Decoder: language_unit is '" + name + "', expected 'word' or 'token'");
}

using Lexicon = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;
using HotWords = std::vector<std::pair<std::vector<std::int64_t>, double>>;

std::unique_ptr<CtcDecoder> make_decoder(const CtcVocabulary& vocabulary, const CtcOptions& options, Lexicon lexicon,
                                         std::shared_ptr<NgramModel> language_model, const std::string& unit,
                                         HotWords hot_words) {
  CtcKnowledge knowledge;
  for (auto& [word, spelling] : lexicon) knowledge.lexicon.push_back({std::move(word), std::move(spelling)});
  for (auto& [spelling, boost] : hot_words) knowledge.hot_words.push_back({std::move(spelling), boost});
  knowledge.language_model = std::move(language_model);
  knowledge.unit = language_unit(unit);
  const GilRelease no_gil;
  return std::make_unique<CtcDecoder>(vocabulary, options, std::move(knowledge));
}

/// A stream that Python feeds, from whichever thread.
class PyCtcStream {
 public:
  explicit PyCtcStream(CtcStream stream) : stream_(std::move(stream)) {}

  void feed(const py::object& log_probs, std::optional<double> deadline, const CancelToken* cancel) {
    const Tensor frames = tensor_from_operand(log_probs, "ctc.Decoder", "log_probs");
    const RunLimits limits = make_limits(deadline, cancel);
    const GilRelease no_gil;
    const std::lock_guard lock(mutex_);
    stream_.feed(frames, limits);
  }
  std::vector<CtcHypothesis> hypotheses(bool final) const {
    const GilRelease no_gil;
    const std::lock_guard lock(mutex_);
    return stream_.hypotheses(final);
  }
  std::int64_t frames() const {
    const GilRelease no_gil;
    const std::lock_guard lock(mutex_);
    return stream_.frames();
  }
  void reset() {
    const GilRelease no_gil;
    const std::lock_guard lock(mutex_);
    stream_.reset();
  }

 private:
  mutable std::mutex mutex_;
  CtcStream stream_;
};

std::vector<CtcHypothesis> decode(const CtcDecoder& self, const py::object& log_probs, std::optional<double> deadline,
                                  const CancelToken* cancel) {
  const Tensor frames = tensor_from_operand(log_probs, "ctc.Decoder.decode", "log_probs");
  const RunLimits limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  return self.decode(frames, limits);
}

std::vector<std::vector<CtcHypothesis>> decode_batch(const CtcDecoder& self, const py::object& log_probs,
                                                     const py::object& lengths, std::optional<double> deadline,
                                                     const CancelToken* cancel) {
  const Tensor frames = tensor_from_operand(log_probs, "ctc.Decoder.decode_batch", "log_probs");
  const Tensor counts = tensor_from_operand(lengths, "ctc.Decoder.decode_batch", "lengths");
  const RunLimits limits = make_limits(deadline, cancel);
  const GilRelease no_gil;
  return self.decode_batch(frames, counts, limits);
}

void bind_options(py::module_& module) {
  py::class_<CtcVocabulary>(module, "CtcVocabulary", "The classes of a CTC model.")
      .def(py::init([](std::vector<std::string> texts, std::int64_t blank, std::int64_t separator) {
             return CtcVocabulary{std::move(texts), blank, separator};
           }),
           py::arg("texts"), py::arg("blank"), py::arg("separator"))
      .def(
          "spell", [](const CtcVocabulary& self, const std::string& text) { return self.spell(text); }, py::arg("text"),
          "The classes of a text, or None.");
  py::class_<CtcOptions>(module, "CtcOptions", "Options of a prefix beam search; see pyseq.ctc.Decoder.")
      .def(py::init<>())
      .def_readwrite("beam_size", &CtcOptions::beam_size)
      .def_readwrite("n_best", &CtcOptions::n_best)
      .def_readwrite("tokens_per_frame", &CtcOptions::tokens_per_frame)
      .def_readwrite("min_token_log_prob", &CtcOptions::min_token_log_prob)
      .def_readwrite("beam_threshold", &CtcOptions::beam_threshold)
      .def_readwrite("blank_penalty", &CtcOptions::blank_penalty)
      .def_readwrite("alpha", &CtcOptions::alpha)
      .def_readwrite("beta", &CtcOptions::beta)
      .def_readwrite("unknown_score", &CtcOptions::unknown_score)
      .def_readwrite("sentence_begin", &CtcOptions::sentence_begin)
      .def_readwrite("sentence_end", &CtcOptions::sentence_end);
}

void bind_hypothesis(py::module_& module) {
  py::class_<CtcWord, CtcSpan>(module, "CtcWord", "A word of a hypothesis.")
      .def_readonly("text", &CtcWord::text, "Its text.");
  py::class_<CtcHypothesis>(module, "CtcHypothesis", "One result of a prefix beam search.")
      .def_readonly("text", &CtcHypothesis::text, "Its words, with spaces between.")
      .def_readonly("words", &CtcHypothesis::words, "Its words with their times.")
      .def_property_readonly(
          "alignment",
          [](const CtcHypothesis& self) {
            CtcAlignment alignment{self.tokens, 0.0};
            for (const CtcToken& token : self.tokens) alignment.log_prob += token.log_prob;
            return alignment;
          },
          "Its tokens with their frames on the likeliest path; log_prob without blanks.")
      .def_property_readonly(
          "tokens",
          [](const CtcHypothesis& self) {
            std::vector<std::int64_t> tokens;
            for (const CtcToken& token : self.tokens) tokens.push_back(token.token);
            return tokens;
          },
          "Its classes.")
      .def_readonly("score", &CtcHypothesis::score, "What hypotheses are ranked by.")
      .def_readonly("log_prob", &CtcHypothesis::log_prob, "ln p(labels | frames), over all paths of the beam.")
      .def_readonly("language_log_prob", &CtcHypothesis::language_log_prob, "ln p of the language model.")
      .def_readonly("complete", &CtcHypothesis::complete, "False: it ends inside a word of the lexicon.");
}

}  // namespace

void bind_ctc_decoder(py::module_& module) {
  bind_options(module);
  bind_hypothesis(module);
  py::class_<PyCtcStream>(module, "CtcStream", "A prefix beam search that takes frames as they come.")
      .def("feed", &PyCtcStream::feed, py::arg("log_probs"), py::arg("deadline") = py::none(),
           py::arg("cancel") = py::none(), "Goes on with log_probs [time, classes].")
      .def("hypotheses", &PyCtcStream::hypotheses, py::arg("final") = true,
           "The best hypotheses so far; `final`: as if the utterance ended here.")
      .def("reset", &PyCtcStream::reset, "Starts another utterance.")
      .def_property_readonly("frames", &PyCtcStream::frames, "Frames so far.");
  py::class_<CtcDecoder>(module, "CtcDecoder", "Prefix beam search; see pyseq.ctc.Decoder.")
      .def(py::init(&make_decoder), py::arg("vocabulary"), py::arg("options"), py::arg("lexicon") = Lexicon{},
           py::arg("language_model") = py::none(), py::arg("language_unit") = "word", py::arg("hot_words") = HotWords{})
      .def("decode", decode, py::arg("log_probs"), py::arg("deadline") = py::none(), py::arg("cancel") = py::none())
      .def("decode_batch", decode_batch, py::arg("log_probs"), py::arg("lengths") = py::none(),
           py::arg("deadline") = py::none(), py::arg("cancel") = py::none())
      .def("stream", [](const CtcDecoder& self) { return std::make_unique<PyCtcStream>(self.stream()); });
}

}  // namespace pyseq
