#include "decode/token_batch.h"

#include <algorithm>

namespace pyseq {

TokenBatch token_batch(std::span<const std::vector<std::int64_t>* const> sequences) {
  const auto batch = static_cast<std::int64_t>(sequences.size());
  std::int64_t time = 0;
  for (const auto* ids : sequences) time = std::max(time, static_cast<std::int64_t>(ids->size()));
  TokenBatch result{Tensor::zeros(DType::int64, {batch, time}), Tensor::empty(DType::int64, {batch})};
  for (std::int64_t row = 0; row < batch; ++row) {
    const auto& ids = *sequences[static_cast<std::size_t>(row)];
    std::copy(ids.begin(), ids.end(), result.tokens.mutable_data<std::int64_t>() + row * time);
    result.lengths.mutable_data<std::int64_t>()[row] = static_cast<std::int64_t>(ids.size());
  }
  return result;
}

}  // namespace pyseq
