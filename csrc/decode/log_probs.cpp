#include "decode/log_probs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/dispatch.h"

namespace pyseq {
namespace {

std::string expected_shape(std::int64_t rows, std::int64_t time, std::int64_t vocabulary) {
  const std::string last = vocabulary > 0 ? std::to_string(vocabulary) : "vocabulary";
  return "[" + std::to_string(rows) + ", " + std::to_string(time) + ", " + last + "]";
}

// NaN anywhere, or nothing to normalise by: a softmax of such logits would be NaN in every place.
void check_finite(const float* logits, std::int64_t vocabulary, const std::string& where) {
  float maximum = -std::numeric_limits<float>::infinity();
  bool has_nan = false;
  for (std::int64_t token = 0; token < vocabulary; ++token) {
    has_nan |= std::isnan(logits[token]);
    maximum = std::max(maximum, logits[token]);
  }
  if (has_nan) throw Error(where + ": the model gave NaN");
  if (std::isinf(maximum)) {
    throw Error(where + ": the model gave " + (maximum > 0 ? "an infinite logit" : "no token a probability"));
  }
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

void log_softmax_row(const float* logits, std::int64_t vocabulary, std::int64_t banned, const std::string& where,
                     float* log_probs) {
  std::vector<float> allowed;
  if (banned != kNothingBanned) {
    allowed.assign(logits, logits + vocabulary);
    allowed[banned] = -std::numeric_limits<float>::infinity();
    logits = allowed.data();
  }
  check_finite(logits, vocabulary, where);
  const RowwiseF32 row{.rows = 1, .columns = vocabulary, .x = logits, .y = log_probs};
  kernels().log_softmax_f32(&row);
}

}  // namespace pyseq
