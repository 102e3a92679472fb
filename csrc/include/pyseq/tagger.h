// Tagger: a label for every word (or character) of a text, from a program file whose task is "tagger".
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/program.h"

namespace pyseq {

class SessionPool;

/// The label of one word, and the bytes of the text that the word takes.
struct WordLabel {
  std::string label;
  float probability;
  std::size_t begin, end;
};

/// Neighbouring words with one label; `label` is without B-, I-, E- and S-, `probability` the least of its words.
struct LabelledSpan {
  std::string label;
  float probability;
  std::size_t begin, end;
};

/// What the labels mark: B-X, I-X, E-X and S-X as in BIO and BIOES, X alone like I-X; O is outside.
std::vector<LabelledSpan> spans_of(const std::vector<WordLabel>& words);

/// Immutable and usable from many threads at once.
class Tagger {
 public:
  static Tagger load(const std::filesystem::path& file, const LoadOptions& options = {});
  /// FormatError: the program's task is not "tagger" or is incomplete. UnsupportedError: it reads texts through the
  /// tokenizer of another library.
  explicit Tagger(std::shared_ptr<const Program> program);

  /// For each text its words in their order. ValueError: a text is not UTF-8. IndexError: a character or word that the
  /// model does not know and that it has no unknown token for.
  std::vector<std::vector<WordLabel>> tag_batch(const std::vector<std::string>& texts,
                                                const RunLimits& limits = {}) const;
  std::vector<WordLabel> tag(std::string_view text, const RunLimits& limits = {}) const;

  const Program& program() const { return *program_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  const std::vector<std::string>& labels() const { return labels_; }

 private:
  std::vector<std::int64_t> ids_of(const std::vector<std::string>& words) const;

  std::shared_ptr<const Program> program_;
  std::shared_ptr<SessionPool> sessions_;
  std::shared_ptr<const Vocabulary> vocabulary_, characters_;  // characters: null for words without them
  std::int64_t most_characters_ = 0;
  bool folds_case_ = false;
  std::vector<std::string> labels_;
};

}  // namespace pyseq
