// Models for a task: translators, generators, classifiers.
#include <memory>

#include "capi/program.h"
#include "capi/texts.h"
#include "pyseq/classifier.h"
#include "pyseq/generator.h"
#include "pyseq/translator.h"

using pyseq::capi::guarded;
using pyseq::capi::limits_of;
using pyseq::capi::options_of;
using pyseq::capi::required;
using pyseq::capi::required_result;
using pyseq::capi::required_text;

struct pyseq_translator {
  pyseq::Translator model;
};

struct pyseq_generator {
  pyseq::Generator model;
};

struct pyseq_classifier {
  pyseq::Classifier model;
};

namespace {

template <typename Handle>
pyseq_status load(const char* function, const char* file, Handle** result) {
  return guarded(function, [&] {
    Handle*& place = required_result(result);
    place = new Handle{decltype(Handle::model)::load(required_text(file, "file"))};
  });
}

template <typename Handle>
pyseq_status make(const char* function, const pyseq_program* program, Handle** result) {
  return guarded(function, [&] {
    Handle*& place = required_result(result);
    place = new Handle{decltype(Handle::model)(required(program, "program").program)};
  });
}

pyseq::DecodingOptions decoding_options(const pyseq_translate_options* given) {
  const auto from = options_of(given, pyseq_translate_options_init);
  pyseq::DecodingOptions options;
  options.beam_size = from.beam_size;
  options.n_best = from.n_best;
  options.length_penalty = from.length_penalty;
  options.max_length = from.max_length;
  options.limits = limits_of(from.timeout, from.cancel);
  return options;
}

pyseq::GenerationOptions generation_options(const pyseq_generate_options* given) {
  const auto from = options_of(given, pyseq_generate_options_init);
  pyseq::GenerationOptions options;
  options.sampling.temperature = from.temperature;
  options.sampling.top_p = from.top_p;
  options.sampling.min_p = from.min_p;
  options.sampling.top_k = from.top_k;
  options.sampling.seed = from.seed;
  options.max_length = from.max_length;
  options.limits = limits_of(from.timeout, from.cancel);
  return options;
}

}  // namespace

void pyseq_translate_options_init(pyseq_translate_options* options) {
  if (options == nullptr) return;
  const pyseq::DecodingOptions defaults;
  *options = {};
  options->size = sizeof *options;
  options->beam_size = defaults.beam_size;
  options->n_best = defaults.n_best;
  options->length_penalty = defaults.length_penalty;
  options->max_length = defaults.max_length;
}

pyseq_status pyseq_translator_load(const char* file, pyseq_translator** result) {
  return load("pyseq_translator_load", file, result);
}

pyseq_status pyseq_translator_new(const pyseq_program* program, pyseq_translator** result) {
  return make("pyseq_translator_new", program, result);
}

void pyseq_translator_free(pyseq_translator* translator) {
  delete translator;
}

pyseq_status pyseq_translate(const pyseq_translator* translator, const char* text,
                             const pyseq_translate_options* options, pyseq_texts** result) {
  return guarded("pyseq_translate", [&] {
    pyseq_texts*& place = required_result(result);
    const pyseq::Translator& model = required(translator, "translator").model;
    auto texts = std::make_unique<pyseq_texts>();
    auto results = model.translate_batch({required_text(text, "text")}, decoding_options(options));
    for (pyseq::Translation& found : results[0]) {
      texts->entries.emplace_back(std::move(found.text), found.score);
    }
    place = texts.release();
  });
}

void pyseq_generate_options_init(pyseq_generate_options* options) {
  if (options == nullptr) return;
  const pyseq::SamplingOptions defaults;
  *options = {};
  options->size = sizeof *options;
  options->temperature = defaults.temperature;
  options->top_p = defaults.top_p;
  options->min_p = defaults.min_p;
  options->top_k = defaults.top_k;
  options->seed = defaults.seed;
}

pyseq_status pyseq_generator_load(const char* file, pyseq_generator** result) {
  return load("pyseq_generator_load", file, result);
}

pyseq_status pyseq_generator_new(const pyseq_program* program, pyseq_generator** result) {
  return make("pyseq_generator_new", program, result);
}

void pyseq_generator_free(pyseq_generator* generator) {
  delete generator;
}

pyseq_status pyseq_generate(const pyseq_generator* generator, const char* prompt, const pyseq_generate_options* options,
                            pyseq_token_callback on_token, void* callback_data, pyseq_texts** result) {
  return guarded("pyseq_generate", [&] {
    pyseq_texts*& place = required_result(result);
    const pyseq::Generator& model = required(generator, "generator").model;
    auto texts = std::make_unique<pyseq_texts>();
    auto& [text, log_prob] = texts->entries.emplace_back();
    pyseq::TextStream stream = model.stream(required_text(prompt, "prompt"), generation_options(options));
    while (const auto token = stream.next()) {
      text += token->text;
      log_prob += token->log_prob;
      if (on_token != nullptr && on_token(token->text.c_str(), token->log_prob, callback_data) != 0) break;
    }
    place = texts.release();
  });
}

pyseq_status pyseq_classifier_load(const char* file, pyseq_classifier** result) {
  return load("pyseq_classifier_load", file, result);
}

pyseq_status pyseq_classifier_new(const pyseq_program* program, pyseq_classifier** result) {
  return make("pyseq_classifier_new", program, result);
}

void pyseq_classifier_free(pyseq_classifier* classifier) {
  delete classifier;
}

pyseq_status pyseq_classify(const pyseq_classifier* classifier, const char* text, pyseq_texts** result) {
  return guarded("pyseq_classify", [&] {
    pyseq_texts*& place = required_result(result);
    const pyseq::Classifier& model = required(classifier, "classifier").model;
    auto texts = std::make_unique<pyseq_texts>();
    for (pyseq::LabelProbability& found : model.classify(required_text(text, "text"))) {
      texts->entries.emplace_back(std::move(found.label), found.probability);
    }
    place = texts.release();
  });
}
