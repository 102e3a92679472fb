// Generator: text that goes on, from a program file whose task is "generator" (a language model).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pyseq/constraints.h"
#include "pyseq/decode.h"
#include "pyseq/program.h"
#include "pyseq/sampling.h"

namespace pyseq {

class SessionPool;

struct GenerationOptions {
  SamplingOptions sampling;
  std::int64_t max_length = 0;  // tokens to write; 0: the model's own limit. Never more than it has positions for
  // What is written behind the prompt is accepted by all of them. It ends where the end mark is drawn, where nothing
  // more is accepted, or at max_length.
  std::vector<std::shared_ptr<const TokenAutomaton>> allowed;
  RunLimits limits;
};

struct GeneratedToken {
  std::int64_t id;
  std::string text;  // what it adds to the text
  float log_prob;    // of the model
};

/// A hypothesis of what follows a prompt.
struct Continuation : Hypothesis {
  std::string text;  // what it adds to the prompt
  std::vector<std::string> tokens;
};

struct TextScore {
  std::vector<std::string> tokens;     // those that were judged: all but the first where the model has no start mark
  std::vector<float> token_log_probs;  // one per token
  double log_prob = 0;                 // their sum
};

/// A text while it is being written. Used by one thread at a time.
class TextStream {
 public:
  ~TextStream();
  TextStream(TextStream&&) noexcept;
  TextStream& operator=(TextStream&&) noexcept;

  /// The next token; nothing at the end mark, at the longest length, or where the model's positions end. ValueError: no
  /// token is allowed.
  std::optional<GeneratedToken> next();
  /// What `options.limits` of the following calls are.
  void set_limits(const RunLimits& limits);

 private:
  friend class Generator;
  struct Impl;
  explicit TextStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Immutable and usable from many threads at once.
class Generator {
 public:
  static Generator load(const std::filesystem::path& file, const LoadOptions& options = {});
  /// FormatError: the program's task is not "generator" or is incomplete.
  explicit Generator(std::shared_ptr<const Program> program);

  /// Reads the prompt; what follows it comes from the stream. ValueError: an empty prompt, where the model has no start
  /// mark, or one that is longer than the model has positions for. IndexError: a character or word that the model does
  /// not know and that it has no unknown token for.
  TextStream stream(std::string_view prompt, const GenerationOptions& options = {}) const;
  /// The prompt and what follows it.
  std::string generate(std::string_view prompt, const GenerationOptions& options = {}) const;
  /// Searches for what follows each of the prompts: its hypotheses, best first. `each`: none, or one per prompt,
  /// without a context. Without an end mark, hypotheses end at max_length, where the model's positions end, or where
  /// constraints allow nothing more.
  std::vector<std::vector<Continuation>> generate_batch(const std::vector<std::string>& prompts,
                                                        const DecodingOptions& options = {},
                                                        const std::vector<SourceOptions>& each = {}) const;
  /// For GenerationOptions::allowed: texts that match a pattern, or some texts.
  std::shared_ptr<const TokenAutomaton> regex(std::string_view pattern) const;
  std::shared_ptr<const TokenAutomaton> trie(const std::vector<std::string>& texts) const;
  /// For SourceOptions::phrases: the ids of a text. ValueError: parts that the vocabulary does not know.
  std::vector<std::int64_t> phrase(std::string_view text) const;
  /// How likely the model finds a text. ValueError: it is empty, or longer than the model has positions for.
  TextScore score(std::string_view text, const RunLimits& limits = {}) const;

  const Program& program() const { return *program_; }
  std::shared_ptr<const Program> shared_program() const { return program_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  std::shared_ptr<const Vocabulary> shared_vocabulary() const { return vocabulary_; }
  std::int64_t default_max_length() const { return max_length_; }
  /// Tokens of one text that the model can read, start mark included; nothing: any number.
  std::optional<std::int64_t> positions() const { return positions_; }
  /// Of `max_length` tokens, those that can be written after a prompt of so many: the last one is not read.
  std::int64_t length_after(std::int64_t prompt, std::int64_t max_length) const;
  std::optional<std::int64_t> start_mark() const { return start_; }
  std::optional<std::int64_t> end_mark() const { return end_; }

 private:
  friend class Translator;  // whose search it may have a say in
  friend class GenerationService;
  std::vector<std::vector<Hypothesis>> search_batch(const DecodingOptions& options,
                                                    const std::vector<SourceOptions>& each) const;
  std::vector<std::int64_t> encode_text(std::string_view text, std::string_view caller) const;
  std::vector<std::int64_t> encode_prompt(std::string_view prompt) const;

  std::shared_ptr<const Program> program_;
  std::shared_ptr<SessionPool> sessions_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::optional<std::int64_t> start_, end_, positions_;
  std::int64_t max_length_ = 0;
};

}  // namespace pyseq
