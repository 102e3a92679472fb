// Greedy and beam search over the step protocol: step(tokens) -> logits, and reorder(parents).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pyseq/program.h"
#include "pyseq/runtime.h"
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
};

struct DecodingOptions {
  int beam_size = 1;            // 1: greedy
  int n_best = 1;               // hypotheses returned, at most beam_size (and beam_size * patience)
  double length_penalty = 0.0;  // score = log probability / length ** length_penalty, the end mark counted
  double patience = 1.0;        // with a length penalty: stop after round(beam_size * patience) finished hypotheses
  std::int64_t min_length = 0;  // tokens before the end mark is allowed (forced prefix counted)
  std::int64_t max_length = 0;  // tokens before a hypothesis is cut; 0: the model's own default, or 256
  bool return_attention = false;
  RunLimits limits;

  void validate(std::int64_t vocabulary_size = 0) const;  // ValueError; 0: the vocabulary is not known yet
};

struct Marks {
  std::int64_t start = 0;  // fed first, not part of a hypothesis
  std::int64_t end = 0;    // closes a hypothesis; counted in its length, not part of its ids
};

struct Hypothesis {
  std::vector<std::int64_t> ids;       // without start and end marks
  double score = 0;                    // see DecodingOptions::length_penalty
  std::vector<float> token_log_probs;  // one per id, and one for the end mark when `finished`
  bool finished = false;               // false: cut at max_length
  Tensor attention;                    // [ids.size(), source positions] when asked for and known
};

/// For each row of the model (one row per source when called), its hypotheses, best first. `prefixes` is empty or has a
/// forced target prefix per source; forced tokens are part of ids, with their log probabilities. csrc/decode/beam.h
/// states the rules.
std::vector<std::vector<Hypothesis>> search(StepModel& model, std::int64_t sources, const Marks& marks,
                                            const DecodingOptions& options,
                                            const std::vector<std::vector<std::int64_t>>& prefixes = {});

/// Log probabilities of given targets (the end mark appended when `with_end`), one hypothesis per row of the model.
std::vector<Hypothesis> score(StepModel& model, const Marks& marks,
                              const std::vector<std::vector<std::int64_t>>& targets, double length_penalty = 0.0,
                              bool with_end = true, const RunLimits& limits = {});

/// Which attention `attention()` gives: a captured module path and a head (-1: mean over heads).
struct AttentionSource {
  std::string path;
  int head = -1;
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
