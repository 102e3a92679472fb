#include <string>
#include <utility>

#include "pyseq/decode.h"

namespace pyseq {
namespace {

// weights [rows, heads, time, positions] -> [rows, time, positions]: one head, or the mean of all for head -1.
Tensor select_head(const Tensor& weights, int head) {
  const std::int64_t rows = weights.size(0), heads = weights.size(1), time = weights.size(2);
  const std::int64_t positions = weights.size(3), area = time * positions;
  if (head >= heads) {
    throw IndexError("attention: head is " + std::to_string(head) + ", expected -1 (mean) to " +
                     std::to_string(heads - 1));
  }
  const std::int64_t first = head < 0 ? 0 : head, last = head < 0 ? heads - 1 : head;
  Tensor result = Tensor::zeros(DType::float32, {rows, time, positions});
  float* out = result.mutable_data<float>();
  for (std::int64_t row = 0; row < rows; ++row, out += area) {
    for (std::int64_t h = first; h <= last; ++h) {
      const float* from = weights.data<float>() + (row * heads + h) * area;
      for (std::int64_t i = 0; i < area; ++i) out[i] += from[i];
    }
    if (head < 0) {
      for (std::int64_t i = 0; i < area; ++i) out[i] /= static_cast<float>(heads);
    }
  }
  return result;
}

/// [rows, time, positions]
Tensor attention_of(const RunResult& result, const AttentionSource& source) {
  if (!source.is_output) return select_head(result.captures.at(source.path), source.head);
  const auto found = result.outputs.find(source.path);
  if (found == result.outputs.end()) throw ValueError("step: the function has no output \"" + source.path + "\"");
  return found->second;
}

}  // namespace

ProgramStepModel::ProgramStepModel(Session& session, State state, std::optional<AttentionSource> attention)
    : session_(session), state_(std::move(state)), source_(std::move(attention)) {
  session_.program().check_function("step");  // ValueError: a program that cannot decode
  if (source_ && source_->head < -1) {
    throw ValueError("attention: head is " + std::to_string(source_->head) + ", expected -1 (mean) or more");
  }
}

Tensor ProgramStepModel::step(const Tensor& tokens, const RunLimits& limits) {
  RunOptions options;
  options.limits = limits;
  if (source_ && !source_->is_output) options.capture.push_back(source_->path);
  RunResult result = session_.run("step", {{"tokens", tokens}}, &state_, options);
  if (source_) attention_ = attention_of(result, *source_);
  const auto logits = result.outputs.find("logits");
  if (logits == result.outputs.end()) throw ValueError("step: the function has no output \"logits\"");
  return logits->second;
}

void ProgramStepModel::reorder(std::span<const std::int64_t> parents) {
  state_.reorder(parents);
}

}  // namespace pyseq
