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

/// NaN anywhere, or nothing to normalise by (no finite maximum), is an Error that begins with `where()`.
template <typename Where>
void check_finite(const float* logits, std::int64_t vocabulary, const Where& where);
bool has_finite_maximum(const float* logits, std::int64_t vocabulary);
[[noreturn]] void reject_logits(const std::string& where, const float* logits, std::int64_t vocabulary);

/// log_probs[vocabulary] = log softmax of logits[vocabulary], which has_finite_maximum.
void log_softmax_row(const float* logits, std::int64_t vocabulary, float* log_probs);

template <typename Where>
void check_finite(const float* logits, std::int64_t vocabulary, const Where& where) {
  if (!has_finite_maximum(logits, vocabulary)) reject_logits(where(), logits, vocabulary);
}

}  // namespace pyseq
