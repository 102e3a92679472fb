// Ragged token sequences as the tensors that functions take.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pyseq/tensor.h"

namespace pyseq {

struct TokenBatch {
  Tensor tokens;   // [batch, time] int64, zeros behind a sequence
  Tensor lengths;  // [batch] int64
};
TokenBatch token_batch(std::span<const std::vector<std::int64_t>* const> sequences);

}  // namespace pyseq
