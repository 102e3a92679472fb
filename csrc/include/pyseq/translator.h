// Translator: text in, hypotheses out, from a program file whose task is "translator".
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/decode.h"
#include "pyseq/program.h"
#include "pyseq/search_trace.h"
#include "pyseq/translation_options.h"

namespace pyseq {

class SessionPool;
class TranslationModels;

struct Translation : Hypothesis {
  std::string text;
  std::vector<std::string> tokens;
};

/// Immutable and usable from many threads at once.
class Translator {
 public:
  static Translator load(const std::filesystem::path& file, const LoadOptions& options = {});
  /// FormatError: the program's task is not "translator" or is incomplete.
  explicit Translator(std::shared_ptr<const Program> program);

  /// For each text its n-best translations, best first. Texts are batched; the result does not depend on the batching.
  /// A text without any unit gives n_best empty translations of score 0. `each` is empty or has what differs from text
  /// to text; prefixes stand there or in `target_prefixes`.
  std::vector<std::vector<Translation>> translate_batch(const std::vector<std::string>& texts,
                                                        const DecodingOptions& options = {},
                                                        const std::vector<std::string>& target_prefixes = {},
                                                        const std::vector<SourceOptions>& each = {},
                                                        const TranslationOptions& translation = {}) const;
  Translation translate(std::string_view text, const DecodingOptions& options = {}) const;
  /// How likely the model finds a given translation. ValueError: the source is empty.
  Translation score(std::string_view source, std::string_view target, double length_penalty = 0.0,
                    const RunLimits& limits = {}) const;

  /// For DecodingOptions::allowed: outputs whose text matches a pattern, or is one of some texts.
  std::shared_ptr<const TokenAutomaton> regex(std::string_view pattern) const;
  std::shared_ptr<const TokenAutomaton> trie(const std::vector<std::string>& texts) const;
  /// For SourceOptions::phrases: the ids of a text. ValueError: the vocabulary does not know all of it.
  std::vector<std::int64_t> phrase(std::string_view text) const;
  /// For SearchTrace::json: tokens as texts.
  TraceNames trace_names(std::string title) const;

  const Program& program() const { return *program_; }
  std::shared_ptr<const Program> shared_program() const { return program_; }
  const Marks& marks() const { return marks_; }
  const Vocabulary& source_vocabulary() const { return *source_; }
  const Vocabulary& target_vocabulary() const { return *target_; }
  std::int64_t default_max_length() const { return max_length_; }

 private:
  /// Ids with the suffix of the model; nothing for a text without any unit.
  std::vector<std::int64_t> encode_source(std::string_view text) const;
  /// The text's own tokens, as they stand there: without the suffix, unknown ones too (except pieces of words).
  std::vector<std::string> source_tokens(std::string_view text) const;
  /// One per text: `each`, with the prefixes.
  std::vector<SourceOptions> source_options(std::size_t texts, const std::vector<std::string>& target_prefixes,
                                            const std::vector<SourceOptions>& each) const;
  /// One batch of texts, of which `sources` are the ids.
  std::vector<std::vector<Hypothesis>> search_batch(std::span<const std::string* const> texts,
                                                    std::span<const std::vector<std::int64_t>* const> sources,
                                                    const DecodingOptions& options,
                                                    const std::vector<SourceOptions>& each,
                                                    const TranslationOptions& translation) const;
  void add_ensemble(std::span<const std::string* const> texts, const TranslationOptions& translation,
                    const RunLimits& limits, TranslationModels& models) const;
  void check_companions(const TranslationOptions& translation) const;

  std::shared_ptr<const Program> program_;
  std::shared_ptr<SessionPool> sessions_;
  std::shared_ptr<const Vocabulary> source_, target_;
  Marks marks_;
  std::vector<std::int64_t> source_suffix_;  // ids appended to every source
  std::optional<AttentionSource> attention_;
  std::int64_t max_length_ = 256;
};

}  // namespace pyseq
