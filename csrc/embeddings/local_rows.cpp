#include "embeddings/local_rows.h"

#include <algorithm>
#include <bit>
#include <new>

namespace pyseq {

LocalRows::Values LocalRows::make_values(std::int64_t count) {
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
  Values values(static_cast<float*>(::operator new[](bytes, std::align_val_t{64})));
  std::memset(values.get(), 0, bytes);  // padding stays zero
  return values;
}

LocalRows::LocalRows(std::int64_t width, std::int64_t capacity, bool keeps_start)
    : padded_((width + 15) / 16 * 16),
      slots_(std::bit_ceil(static_cast<std::size_t>(std::max<std::int64_t>(2 * capacity, 64)))),
      mask_(slots_.size() - 1),
      shift_(32U - static_cast<unsigned>(std::countr_zero(slots_.size()))),
      values_(make_values(padded_ * capacity)) {
  if (keeps_start) starts_ = make_values(padded_ * capacity);
  rows_.reserve(static_cast<std::size_t>(capacity));
  uses_.reserve(static_cast<std::size_t>(capacity));
}

void LocalRows::clear() {
  rows_.clear();
  uses_.clear();
  if (++stamp_ == 0) {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    stamp_ = 1;
  }
}

}  // namespace pyseq
