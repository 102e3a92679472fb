#include "decode/log_probs.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/dispatch.h"

namespace pyseq {
namespace {

std::string expected_shape(std::int64_t rows, std::int64_t time, std::int64_t vocabulary) {
  const std::string last = vocabulary > 0 ? std::to_string(vocabulary) : "vocabulary";
  return "[" + std::to_string(rows) + ", " + std::to_string(time) + ", " + last + "]";
}

}  // namespace

std::int64_t check_logits(std::string_view caller, const Tensor& logits, std::int64_t rows, std::int64_t time,
                          std::int64_t vocabulary) {
  const std::string subject = std::string(caller) + ": the model's logits";
  if (!logits.defined())
    throw ShapeError(subject + " are undefined, expected " + expected_shape(rows, time, vocabulary));
  const Shape& shape = logits.shape();
  const bool fits = shape.rank() == 3 && shape[0] == rows && shape[1] == time && shape[2] > 0 &&
                    (vocabulary == 0 || shape[2] == vocabulary);
  if (!fits) {
    throw ShapeError(subject + " have shape " + shape.to_string() + ", expected " +
                     expected_shape(rows, time, vocabulary));
  }
  if (logits.dtype() != DType::float32) {
    throw DTypeError(subject + " are " + dtype_name(logits.dtype()) + ", expected float32");
  }
  return shape[2];
}

// The compiler makes vector code of comparisons that are collected with `|`, not of a maximum that NaN may meet.
bool has_finite_maximum(const float* logits, std::int64_t vocabulary) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  int is_bad = 0, is_finite = 0;
  for (std::int64_t token = 0; token < vocabulary; ++token) {
    is_bad |= static_cast<int>(!(logits[token] < kInfinity));
    is_finite |= static_cast<int>(logits[token] > -kInfinity);
  }
  return is_bad == 0 && is_finite != 0;
}

void reject_logits(const std::string& where, const float* logits, std::int64_t vocabulary) {
  float maximum = -std::numeric_limits<float>::infinity();
  for (std::int64_t token = 0; token < vocabulary; ++token) {
    if (std::isnan(logits[token])) throw Error(where + ": the model gave NaN");
    maximum = std::max(maximum, logits[token]);
  }
  throw Error(where + ": the model gave " + (maximum > 0 ? "an infinite logit" : "no token a probability"));
}

bool log_softmax_row(const float* logits, std::int64_t vocabulary, float* log_probs) {
  const RowwiseF32 row{.rows = 1, .columns = vocabulary, .x = logits, .y = log_probs};
  kernels().log_softmax_f32(&row);
  const auto has_probability = [](float log_prob) { return log_prob > -std::numeric_limits<float>::infinity(); };
  return std::any_of(log_probs, log_probs + vocabulary, has_probability);
}

}  // namespace pyseq
