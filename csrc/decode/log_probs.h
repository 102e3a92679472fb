// From what a model answers to log probabilities.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pyseq/tensor.h"

namespace pyseq {

/// The vocabulary size of logits that should be [rows, time, vocabulary] float32. `vocabulary` is what an earlier step
/// gave, 0 before the first. ShapeError or DTypeError naming what was expected; `caller` starts the sentence.
std::int64_t check_logits(std::string_view caller, const Tensor& logits, std::int64_t rows, std::int64_t time,
                          std::int64_t vocabulary);

/// Neither NaN nor +inf, and not -inf alone.
bool has_finite_maximum(const float* logits, std::int64_t vocabulary);
/// The Error for logits that have none, or NaN; `where` starts the sentence ("search: source 3, target position 5").
[[noreturn]] void reject_logits(const std::string& where, const float* logits, std::int64_t vocabulary);

/// log_probs[vocabulary] = log softmax of logits[vocabulary]; false for logits without a finite maximum. That is seen
/// in the result, without reading the logits once more: it is then NaN, or -inf, as a whole.
[[nodiscard]] bool log_softmax_row(const float* logits, std::int64_t vocabulary, float* log_probs);

}  // namespace pyseq
