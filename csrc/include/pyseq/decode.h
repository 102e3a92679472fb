// Greedy and beam search over the step protocol: step(tokens) -> logits, and reorder(parents).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pyseq/decoding_options.h"
#include "pyseq/program.h"
#include "pyseq/tensor.h"

namespace pyseq {

/// A model that predicts the next token of a number of rows. Programs implement it (ProgramStepModel), and so can any
/// C++ class or Python object.
class StepModel {
 public:
  virtual ~StepModel() = default;
  /// tokens [rows, time] int64, the next tokens of every row -> logits [rows, time, vocabulary] float32.
  virtual Tensor step(const Tensor& tokens, const RunLimits& limits) = 0;
  /// Row r of the model's state becomes what row parents[r] was; the number of rows may change.
  virtual void reorder(std::span<const std::int64_t> parents) = 0;
  /// Attention of the last step, [rows, time, source positions] float32; undefined where the model has none.
  virtual Tensor attention() const { return {}; }
  /// Whether step() gives scores that are to be summed up as they are, instead of logits to be normalised.
  virtual bool gives_scores() const { return false; }
};

struct Marks {
  std::int64_t start = 0;  // fed first, not part of a hypothesis
  std::int64_t end = 0;    // closes a hypothesis; counted in its length, not part of its ids; kNoEndMark: there is none
};

struct TokenChoice {
  std::int64_t token = 0;
  float log_prob = 0;
};

class SearchTrace;

struct Hypothesis {
  std::vector<std::int64_t> ids;                     // without start and end marks
  double score = 0;                                  // see DecodingOptions::length_penalty
  std::vector<float> token_log_probs;                // one per id, and one for the end mark when `finished`
  bool finished = false;                             // false: cut at max_length, or stopped
  Tensor attention;                                  // [ids.size(), source positions] when asked for and known
  std::shared_ptr<const SearchTrace> trace;          // of the whole search of its source, when asked for
  std::vector<std::vector<TokenChoice>> top_tokens;  // as token_log_probs, when asked for: the likeliest tokens there
};

/// For each row of the model (one row per source when called), its hypotheses, best first. csrc/decode/beam.h states
/// the rules.
std::vector<std::vector<Hypothesis>> search(StepModel& model, const Marks& marks, const DecodingOptions& options,
                                            const std::vector<SourceOptions>& sources);

/// The same for sources that differ in nothing, or in a forced target prefix each.
std::vector<std::vector<Hypothesis>> search(StepModel& model, std::int64_t sources, const Marks& marks,
                                            const DecodingOptions& options,
                                            const std::vector<std::vector<std::int64_t>>& prefixes = {});

/// Log probabilities of given targets (the end mark appended when `with_end`), one hypothesis per row of the model.
std::vector<Hypothesis> score(StepModel& model, const Marks& marks,
                              const std::vector<std::vector<std::int64_t>>& targets, double length_penalty = 0.0,
                              bool with_end = true, const RunLimits& limits = {});

/// Which attention `attention()` gives: a captured module path and a head (-1: mean over heads), or, with `is_output`,
/// the output of `step` of that name, [rows, time, source positions].
struct AttentionSource {
  std::string path;
  int head = -1;
  bool is_output = false;
};

/// The `step` function of a program with its state.
class ProgramStepModel final : public StepModel {
 public:
  ProgramStepModel(Session& session, State state, std::optional<AttentionSource> attention = std::nullopt);
  Tensor step(const Tensor& tokens, const RunLimits& limits) override;
  void reorder(std::span<const std::int64_t> parents) override;
  Tensor attention() const override { return attention_; }

 private:
  Session& session_;
  State state_;
  std::optional<AttentionSource> source_;
  Tensor attention_;
};

}  // namespace pyseq
