#include "pyseq/tagger.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>

#include "decode/session_pool.h"
#include "decode/task_fields.h"
#include "decode/token_batch.h"

namespace pyseq {
namespace {

using Ids = std::vector<std::int64_t>;
using Words = std::vector<std::string>;

constexpr const char* kKind = "tagger";
constexpr const char* kOutside = "O";
constexpr std::size_t kMostTokens = 4096;  // in a batch, padding counted: bounds memory

/// The capital letters of ASCII as small ones: the same in every language and locale.
std::string folded(std::string word) {
  for (char& c : word) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return word;
}

/// The spellings of a batch of texts, each once, and which of them stands where.
struct Spellings {
  TokenBatch letters;  // [spellings, characters]
  Tensor places;       // [batch, time]
};

Spellings spellings_of(std::span<const Words* const> texts, std::int64_t time, const Vocabulary& characters,
                       std::int64_t most_characters) {
  std::unordered_map<std::string, std::int64_t> known;
  std::vector<Ids> letters;
  const auto batch = static_cast<std::int64_t>(texts.size());
  Tensor places = Tensor::zeros(DType::int64, {batch, time});
  for (std::int64_t row = 0; row < batch; ++row) {
    std::int64_t* place = places.mutable_data<std::int64_t>() + row * time;
    for (const std::string& word : *texts[static_cast<std::size_t>(row)]) {
      const auto [found, is_new] = known.try_emplace(word, static_cast<std::int64_t>(letters.size()));
      if (is_new) {
        letters.push_back(characters.encode(word));
        if (most_characters > 0 && static_cast<std::int64_t>(letters.back().size()) > most_characters) {
          letters.back().resize(static_cast<std::size_t>(most_characters));
        }
      }
      *place++ = found->second;
    }
  }
  std::vector<const Ids*> sequences;
  for (const Ids& ids : letters) sequences.push_back(&ids);
  return {token_batch(sequences), places};
}

/// Where the words of a text, in their order, stand in it.
std::vector<WordLabel> located(std::string_view text, const Words& words) {
  std::vector<WordLabel> found;
  std::size_t begin = 0;
  for (const std::string& word : words) {
    begin = text.find(word, begin);
    found.push_back({{}, 0.0F, begin, begin + word.size()});
    begin += word.size();
  }
  return found;
}

/// softmax(logits)[label]
float probability_of(std::span<const float> logits, std::int64_t label) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const float logit : logits) total += std::exp(logit - largest);
  return static_cast<float>(std::exp(logits[static_cast<std::size_t>(label)] - largest) / total);
}

/// What a run of `tag` says about the words of each row; the labels are "labels", or the largest of "logits".
void fill_labels(const RunResult& run, const std::vector<std::string>& labels,
                 std::span<std::vector<WordLabel>* const> rows) {
  const auto count = static_cast<std::int64_t>(labels.size()), batch = static_cast<std::int64_t>(rows.size());
  const auto time = static_cast<std::int64_t>(rows[0]->size());  // the first one is the longest
  const auto logits = run.outputs.find("logits"), best = run.outputs.find("labels");
  if (logits == run.outputs.end() || !(logits->second.shape() == Shape{batch, time, count})) {
    throw FormatError("tagger: tag gives no logits [batch, time, " + std::to_string(count) + " labels]");
  }
  const bool has_best = best != run.outputs.end();
  if (has_best && !(best->second.shape() == Shape{batch, time} && best->second.dtype() == DType::int64)) {
    throw FormatError("tagger: tag gives labels that are not [batch, time] int64");
  }
  for (std::int64_t row = 0; row < batch; ++row) {
    std::int64_t place = row * time;
    for (WordLabel& word : *rows[static_cast<std::size_t>(row)]) {
      const std::span<const float> scores(logits->second.data<float>() + place * count, labels.size());
      const std::int64_t label = has_best ? best->second.data<std::int64_t>()[place]
                                          : std::max_element(scores.begin(), scores.end()) - scores.begin();
      if (label < 0 || label >= count) throw FormatError("tagger: tag gives " + std::to_string(label) + ", no label");
      word.label = labels[static_cast<std::size_t>(label)];
      word.probability = probability_of(scores, label);
      ++place;
    }
  }
}

/// B-X: 'B' and X; without a prefix: 'I' and the label.
std::pair<char, std::string_view> parts_of(std::string_view label) {
  const bool has_prefix = label.size() > 1 && label[1] == '-' && std::string_view("BIES").find(label[0]) < 4;
  return has_prefix ? std::pair(label[0], label.substr(2)) : std::pair('I', label);
}

}  // namespace

std::vector<LabelledSpan> spans_of(const std::vector<WordLabel>& words) {
  std::vector<LabelledSpan> spans;
  bool is_open = false;
  for (const WordLabel& word : words) {
    if (word.label == kOutside) {
      is_open = false;
      continue;
    }
    const auto [prefix, label] = parts_of(word.label);
    if (is_open && spans.back().label == label && (prefix == 'I' || prefix == 'E')) {
      spans.back().end = word.end;
      spans.back().probability = std::min(spans.back().probability, word.probability);
    } else {
      spans.push_back({std::string(label), word.probability, word.begin, word.end});
    }
    is_open = prefix == 'B' || prefix == 'I';
  }
  return spans;
}

Tagger Tagger::load(const std::filesystem::path& file, const LoadOptions& options) {
  return Tagger(Program::load(file, options));
}

Tagger::Tagger(std::shared_ptr<const Program> program)
    : program_(std::move(program)), sessions_(std::make_shared<SessionPool>(program_)) {
  const TaskFields task(program_->task(), kKind);
  if (task.find("tokenizer") != nullptr) {
    throw UnsupportedError("tagger: texts go through the tokenizer of another library, which Python runs");
  }
  vocabulary_ = require_vocabulary(*program_, kKind, task.text("vocabulary"));
  if (task.find("characters") != nullptr) {
    characters_ = require_vocabulary(*program_, kKind, task.text("characters"));
  }
  most_characters_ = task.optional_integer("most_characters", 0).value_or(0);
  if (const nlohmann::json* fold = task.find("fold_case"); fold != nullptr) {
    if (!fold->is_boolean()) task.reject("\"fold_case\" is " + fold->dump() + ", expected true or false");
    folds_case_ = fold->get<bool>();
  }
  labels_ = task.texts("labels");
  require_function(*program_, kKind, "tag");
}

Ids Tagger::ids_of(const Words& words) const {
  Ids ids;
  for (const std::string& word : words) {
    const std::optional<std::int64_t> id = vocabulary_->find(folds_case_ ? folded(word) : word);
    if (!id && !vocabulary_->unknown()) throw IndexError("vocabulary: there is no token '" + word + "'");
    ids.push_back(id ? *id : *vocabulary_->unknown());
  }
  return ids;
}

std::vector<std::vector<WordLabel>> Tagger::tag_batch(const std::vector<std::string>& texts,
                                                      const RunLimits& limits) const {
  std::vector<Words> words;
  std::vector<Ids> ids;
  std::vector<std::size_t> order(texts.size());  // texts of like length together
  std::vector<std::vector<WordLabel>> results;
  for (const std::string& text : texts) {
    words.push_back(vocabulary_->split(text));
    ids.push_back(ids_of(words.back()));
    results.push_back(located(text, words.back()));
  }
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return ids[a].size() > ids[b].size(); });
  while (!order.empty() && ids[order.back()].empty()) order.pop_back();
  SessionPool::Lease lease(*sessions_);
  RunOptions options;
  options.limits = limits;
  std::size_t begin = 0;
  while (begin < order.size()) {
    const std::size_t time = ids[order[begin]].size();
    const auto part =
        std::span(order).subspan(begin, std::min(std::max(kMostTokens / time, std::size_t{1}), order.size() - begin));
    begin += part.size();
    std::vector<const Ids*> sequences;
    std::vector<const Words*> spelled;
    std::vector<std::vector<WordLabel>*> found;
    for (const std::size_t text : part) {
      sequences.push_back(&ids[text]);
      spelled.push_back(&words[text]);
      found.push_back(&results[text]);
    }
    const TokenBatch batch = token_batch(sequences);
    NamedTensors inputs = {{"tokens", batch.tokens}, {"lengths", batch.lengths}};
    if (characters_ != nullptr) {
      const Spellings spellings = spellings_of(spelled, batch.tokens.size(1), *characters_, most_characters_);
      inputs.insert({{"letters", spellings.letters.tokens},
                     {"letters_lengths", spellings.letters.lengths},
                     {"spellings", spellings.places}});
    }
    fill_labels((*lease).run("tag", inputs, nullptr, options), labels_, found);
  }
  return results;
}

std::vector<WordLabel> Tagger::tag(std::string_view text, const RunLimits& limits) const {
  return std::move(tag_batch({std::string(text)}, limits)[0]);
}

}  // namespace pyseq
