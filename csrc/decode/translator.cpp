#include "pyseq/translator.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "base/threads.h"
#include "decode/batch_size.h"
#include "decode/constraints/vocabulary_constraints.h"
#include "decode/session_pool.h"
#include "decode/task_fields.h"
#include "decode/token_batch.h"
#include "decode/translation_models.h"
#include "decode/translator_task.h"
#include "decode/unknown_words.h"
#include "pyseq/generator.h"

namespace pyseq {
namespace {

using Ids = std::vector<std::int64_t>;

constexpr const char* kKind = "translator";

// Runs `encode` on a batch of sources, padded to the longest: the state that `step` starts from.
State encode(Session& session, std::span<const Ids* const> sources, const RunLimits& limits) {
  const TokenBatch batch = token_batch(sources);
  State state = session.new_state(static_cast<std::int64_t>(sources.size()));
  RunOptions options;
  options.limits = limits;
  session.run("encode", {{"tokens", batch.tokens}, {"lengths", batch.lengths}}, &state, options);
  return state;
}

// The first `positions` columns: what is left when padding is taken away.
Tensor first_columns(const Tensor& matrix, std::int64_t positions) {
  const std::int64_t rows = matrix.size(0), columns = matrix.size(1);
  if (positions >= columns) return matrix;
  Tensor result = Tensor::empty(DType::float32, {rows, positions});
  float* out = result.mutable_data<float>();
  for (std::int64_t row = 0; row < rows; ++row) {
    out = std::copy_n(matrix.data<float>() + row * columns, positions, out);
  }
  return result;
}

Translation to_translation(Hypothesis hypothesis, const Vocabulary& vocabulary, std::int64_t source_length) {
  Translation result;
  static_cast<Hypothesis&>(result) = std::move(hypothesis);
  if (result.attention.defined()) result.attention = first_columns(result.attention, source_length);
  for (const std::int64_t id : result.ids) result.tokens.push_back(vocabulary.token(id));
  result.text = vocabulary.decode(result.ids);
  return result;
}

// Nothing translates to nothing, for certain; the model is not asked.
Translation empty_translation() {
  Translation result;
  result.token_log_probs = {0.0f};
  result.finished = true;
  return result;
}

}  // namespace

Translator Translator::load(const std::filesystem::path& file, const LoadOptions& options) {
  return Translator(Program::load(file, options));
}

Translator::Translator(std::shared_ptr<const Program> program)
    : program_(std::move(program)), sessions_(std::make_shared<SessionPool>(program_)) {
  TranslatorTask task = parse_translator_task(program_->task());
  source_ = require_vocabulary(*program_, kKind, task.source_vocabulary);
  target_ = require_vocabulary(*program_, kKind, task.target_vocabulary);
  for (const std::int64_t id : task.source_suffix) require_id(id, "source_suffix", kKind, *source_);
  require_id(task.marks.start, "start", kKind, *target_);
  require_id(task.marks.end, "end", kKind, *target_);
  for (const char* function : {"encode", "step"}) require_function(*program_, kKind, function);
  marks_ = task.marks;
  source_suffix_ = std::move(task.source_suffix);
  attention_ = std::move(task.attention);
  max_length_ = task.max_length;
}

std::vector<std::vector<Translation>> Translator::translate_batch(const std::vector<std::string>& texts,
                                                                  const DecodingOptions& options,
                                                                  const std::vector<std::string>& target_prefixes,
                                                                  const std::vector<SourceOptions>& each,
                                                                  const TranslationOptions& translation) const {
  check_companions(translation);
  DecodingOptions complete = options;
  complete.return_attention |= translation.replace_unknowns;
  if (complete.max_length == 0) complete.max_length = std::max(max_length_, complete.min_length);
  complete.validate(target_->size());
  const std::vector<SourceOptions> all_options = source_options(texts.size(), target_prefixes, each);

  std::vector<std::vector<Translation>> results(texts.size());
  std::vector<Ids> sources(texts.size());
  std::vector<std::size_t> order;  // texts that go through the model, those of like length together
  for (std::size_t i = 0; i < texts.size(); ++i) {
    sources[i] = encode_source(texts[i]);
    if (sources[i].empty()) {
      results[i].assign(static_cast<std::size_t>(options.n_best), empty_translation());
    } else {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sources[a].size() > sources[b].size(); });

  const auto batch_size = static_cast<std::size_t>(sources_per_batch(complete));
  for (std::size_t begin = 0; begin < order.size(); begin += batch_size) {
    const auto batch = std::span(order).subspan(begin, std::min(batch_size, order.size() - begin));
    std::vector<const std::string*> batch_texts;
    std::vector<const Ids*> batch_sources;
    std::vector<SourceOptions> batch_options;
    for (const std::size_t i : batch) {
      batch_texts.push_back(&texts[i]);
      batch_sources.push_back(&sources[i]);
      batch_options.push_back(all_options[i]);
    }
    std::vector<std::vector<Hypothesis>> found =
        search_batch(batch_texts, batch_sources, complete, batch_options, translation);
    for (std::size_t row = 0; row < batch.size(); ++row) {
      const auto source_length = static_cast<std::int64_t>(batch_sources[row]->size());
      for (Hypothesis& hypothesis : found[row]) {
        Translation result = to_translation(std::move(hypothesis), *target_, source_length);
        if (translation.replace_unknowns) {
          replace_unknowns(source_tokens(*batch_texts[row]), *target_, translation, result);
          if (!options.return_attention) result.attention = {};
        }
        results[batch[row]].push_back(std::move(result));
      }
    }
  }
  return results;
}

std::vector<SourceOptions> Translator::source_options(std::size_t texts,
                                                      const std::vector<std::string>& target_prefixes,
                                                      const std::vector<SourceOptions>& each) const {
  const auto check_count = [&](std::size_t count, const char* what) {
    if (count == 0 || count == texts) return;
    throw ValueError("translate: " + std::to_string(count) + " " + what + ", expected none or one per text (" +
                     std::to_string(texts) + ")");
  };
  check_count(target_prefixes.size(), "target prefixes");
  check_count(each.size(), "source options");
  std::vector<SourceOptions> result = each;
  result.resize(texts);
  for (std::size_t i = 0; i < texts; ++i) {
    // What is drawn for a text does not depend on how texts are put into batches.
    if (!result[i].stream && !result[i].seed) result[i].stream = i;
    if (target_prefixes.empty() || target_prefixes[i].empty()) continue;
    if (!result[i].prefix.empty()) throw ValueError("translate: text " + std::to_string(i) + " has two prefixes");
    result[i].prefix = target_->encode(target_prefixes[i]);
  }
  return result;
}

std::vector<std::vector<Hypothesis>> Translator::search_batch(std::span<const std::string* const> texts,
                                                              std::span<const Ids* const> sources,
                                                              const DecodingOptions& options,
                                                              const std::vector<SourceOptions>& each,
                                                              const TranslationOptions& translation) const {
  const bool needs_attention = options.return_attention || options.coverage_penalty != 0;
  std::vector<std::vector<Hypothesis>> found;
  with_team([&] {  // the workers stay awake from step to step
    TranslationModels models;
    Session& session = models.lease(*sessions_);
    models.add(session, encode(session, sources, options.limits), needs_attention ? attention_ : std::nullopt);
    if (!translation.ensemble.empty()) add_ensemble(texts, translation, options.limits, models);
    if (translation.language_model != nullptr) {
      models.fuse(*translation.language_model->sessions_, static_cast<std::int64_t>(sources.size()),
                  translation.language_model_weight, *translation.language_model->start_mark());
    }
    found = search(models.model(), marks_, options, each);
  });
  return found;
}

void Translator::add_ensemble(std::span<const std::string* const> texts, const TranslationOptions& translation,
                              const RunLimits& limits, TranslationModels& models) const {
  for (const Translator* member : translation.ensemble) {
    std::vector<Ids> sources;
    std::vector<const Ids*> pointers;
    for (const std::string* text : texts) {
      sources.push_back(member->encode_source(*text));
      if (sources.back().empty()) throw ValueError("ensemble: a model finds nothing to read in \"" + *text + "\"");
    }
    for (const Ids& source : sources) pointers.push_back(&source);
    Session& session = models.lease(*member->sessions_);
    models.add(session, encode(session, pointers, limits), std::nullopt);
  }
  models.average(translation.ensemble_mean, translation.ensemble_weights);
}

void Translator::check_companions(const TranslationOptions& translation) const {
  const auto check_tokens = [&](const char* what, const Vocabulary& other) {
    if (std::equal(target_->tokens().begin(), target_->tokens().end(), other.tokens().begin(), other.tokens().end())) {
      return;
    }
    throw ValueError(std::string(what) + ": its vocabulary differs from that of the translations");
  };
  for (const Translator* member : translation.ensemble) {
    check_tokens("ensemble", *member->target_);
    if (member->marks_.start != marks_.start || member->marks_.end != marks_.end) {
      throw ValueError("ensemble: the marks of its models differ");
    }
  }
  if (translation.ensemble.empty() && !translation.ensemble_weights.empty()) {
    throw ValueError("ensemble_weights: expected an ensemble with them");
  }
  if (translation.language_model != nullptr) {
    check_tokens("language_model", translation.language_model->vocabulary());
    if (!translation.language_model->start_mark()) throw ValueError("language_model: it has no start mark");
    if (translation.language_model->end_mark() != marks_.end) {
      throw ValueError("language_model: its end mark differs from that of the translations");
    }
  } else if (translation.language_model_weight != 0) {
    throw ValueError("language_model_weight: expected a language model with it");
  }
  if (!translation.replace_unknowns) return;
  check_unknown(*target_);
  if (!attention_) throw ValueError("replace_unknowns: the model gives no attention");
}

Translation Translator::translate(std::string_view text, const DecodingOptions& options) const {
  return std::move(translate_batch({std::string(text)}, options)[0][0]);
}

Translation Translator::score(std::string_view source, std::string_view target, double length_penalty,
                              const RunLimits& limits) const {
  const Ids ids = encode_source(source);
  if (ids.empty()) throw ValueError("score: the source is empty, the model says nothing about its translations");
  const Ids* const batch[] = {&ids};
  SessionPool::Lease lease(*sessions_);
  Session& session = *lease;
  ProgramStepModel model(session, encode(session, batch, limits));
  std::vector<Hypothesis> scores = pyseq::score(model, marks_, {target_->encode(target)}, length_penalty, true, limits);
  return to_translation(std::move(scores[0]), *target_, static_cast<std::int64_t>(ids.size()));
}

std::shared_ptr<const TokenAutomaton> Translator::regex(std::string_view pattern) const {
  return regex_over(*target_, pattern, {marks_.start, marks_.end});
}

std::shared_ptr<const TokenAutomaton> Translator::trie(const std::vector<std::string>& texts) const {
  return trie_over(*target_, texts);
}

std::vector<std::int64_t> Translator::phrase(std::string_view text) const {
  return known_ids(*target_, text, "phrases");
}

TraceNames Translator::trace_names(std::string title) const {
  return {std::move(title), separator_of(*target_),
          [target = target_](std::int64_t id) { return shown_text(*target, id); }};
}

std::vector<std::string> Translator::source_tokens(std::string_view text) const {
  if (source_->unit() != TextUnit::subword) return source_->split(text);
  std::vector<std::string> pieces;
  for (const std::int64_t id : source_->encode(text)) pieces.push_back(source_->token(id));
  return pieces;
}

std::vector<std::int64_t> Translator::encode_source(std::string_view text) const {
  Ids ids = source_->encode(text);
  if (!ids.empty()) ids.insert(ids.end(), source_suffix_.begin(), source_suffix_.end());
  return ids;
}

}  // namespace pyseq
