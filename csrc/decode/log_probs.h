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

inline constexpr std::int64_t kNothingBanned = -1;

/// log_probs[vocabulary] = log softmax of logits[vocabulary]. The token `banned` gets probability zero and the others
/// share what it had. `where` ("search: source 3, token 5") starts the Error for NaN, or for no finite maximum.
void log_softmax_row(const float* logits, std::int64_t vocabulary, std::int64_t banned, const std::string& where,
                     float* log_probs);

}  // namespace pyseq
