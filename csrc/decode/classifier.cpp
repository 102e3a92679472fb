#include "pyseq/classifier.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <utility>

#include "decode/session_pool.h"
#include "decode/task_fields.h"
#include "decode/token_batch.h"

namespace pyseq {
namespace {

using Ids = std::vector<std::int64_t>;

constexpr const char* kKind = "classifier";
constexpr std::size_t kMostTexts = 64;  // at once: bounds memory

}  // namespace

std::string task_kind(const Program& program) {
  const nlohmann::json task = nlohmann::json::parse(program.task(), nullptr, false);
  if (!task.is_object()) return {};
  const auto kind = task.find("kind");
  return kind != task.end() && kind->is_string() ? kind->get<std::string>() : std::string();
}

Classifier Classifier::load(const std::filesystem::path& file, const LoadOptions& options) {
  return Classifier(Program::load(file, options));
}

Classifier::Classifier(std::shared_ptr<const Program> program)
    : program_(std::move(program)), sessions_(std::make_shared<SessionPool>(program_)) {
  const TaskFields task(program_->task(), kKind);
  vocabulary_ = require_vocabulary(*program_, kKind, task.text("vocabulary"));
  labels_ = task.texts("labels");
  require_function(*program_, kKind, "classify");
}

std::vector<std::vector<LabelProbability>> Classifier::classify_batch(const std::vector<std::string>& texts,
                                                                      const RunLimits& limits) const {
  std::vector<Ids> ids;
  std::vector<std::size_t> order(texts.size());  // texts of like length together
  for (const std::string& text : texts) {
    ids.push_back(vocabulary_->encode(text));
    if (ids.back().empty()) throw ValueError("classify: text " + std::to_string(ids.size() - 1) + " is empty");
  }
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return ids[a].size() > ids[b].size(); });
  std::vector<std::vector<LabelProbability>> results(texts.size());
  SessionPool::Lease lease(*sessions_);
  RunOptions options;
  options.limits = limits;
  for (std::size_t begin = 0; begin < order.size(); begin += kMostTexts) {
    const auto part = std::span(order).subspan(begin, std::min(kMostTexts, order.size() - begin));
    std::vector<const Ids*> sequences;
    for (const std::size_t text : part) sequences.push_back(&ids[text]);
    const TokenBatch batch = token_batch(sequences);
    const RunResult run =
        (*lease).run("classify", {{"tokens", batch.tokens}, {"lengths", batch.lengths}}, nullptr, options);
    const auto found = run.outputs.find("logits");
    const auto labels = static_cast<std::int64_t>(labels_.size());
    if (found == run.outputs.end() ||
        !(found->second.shape() == Shape{static_cast<std::int64_t>(part.size()), labels})) {
      throw FormatError("classifier: classify gives no logits [batch, " + std::to_string(labels) + " labels]");
    }
    for (std::size_t row = 0; row < part.size(); ++row) {
      results[part[row]] = ranked(found->second.data<float>() + static_cast<std::int64_t>(row) * labels);
    }
  }
  return results;
}

std::vector<LabelProbability> Classifier::classify(std::string_view text, const RunLimits& limits) const {
  return std::move(classify_batch({std::string(text)}, limits)[0]);
}

/// softmax, the largest first; ties in the order of the labels.
std::vector<LabelProbability> Classifier::ranked(const float* logits) const {
  const std::size_t count = labels_.size();
  const double largest = *std::max_element(logits, logits + count);
  double total = 0;
  for (std::size_t i = 0; i < count; ++i) total += std::exp(logits[i] - largest);
  std::vector<LabelProbability> result;
  for (std::size_t i = 0; i < count; ++i) {
    result.push_back({labels_[i], static_cast<float>(std::exp(logits[i] - largest) / total)});
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const LabelProbability& a, const LabelProbability& b) { return a.probability > b.probability; });
  return result;
}

}  // namespace pyseq
