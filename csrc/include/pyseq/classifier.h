// Classifier: a label for a text, from a program file whose task is "classifier".
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/program.h"

namespace pyseq {

class SessionPool;

struct LabelProbability {
  std::string label;
  float probability;
};

/// Immutable and usable from many threads at once.
class Classifier {
 public:
  static Classifier load(const std::filesystem::path& file, const LoadOptions& options = {});
  /// FormatError: the program's task is not "classifier" or is incomplete.
  explicit Classifier(std::shared_ptr<const Program> program);

  /// For each text all labels, the most likely first. ValueError: an empty text. IndexError: a character or word that
  /// the model does not know and that it has no unknown token for.
  std::vector<std::vector<LabelProbability>> classify_batch(const std::vector<std::string>& texts,
                                                            const RunLimits& limits = {}) const;
  std::vector<LabelProbability> classify(std::string_view text, const RunLimits& limits = {}) const;

  const Program& program() const { return *program_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  const std::vector<std::string>& labels() const { return labels_; }

 private:
  std::vector<LabelProbability> ranked(const float* logits) const;

  std::shared_ptr<const Program> program_;
  std::shared_ptr<SessionPool> sessions_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::vector<std::string> labels_;
};

/// What a program is for, the "kind" of its task: "translator", "generator", "classifier"; empty for none.
std::string task_kind(const Program& program);

}  // namespace pyseq
