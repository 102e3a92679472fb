#include "ops/cache_storage.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/bfloat16.h"
#include "ops/key_panels.h"

namespace pyseq {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// max |x| / 127, or NaN when a value is not finite.
float scale_of(const float* x, std::int64_t n) {
  float largest = 0.0F;
  for (std::int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) return std::numeric_limits<float>::quiet_NaN();
    largest = std::max(largest, std::fabs(x[i]));
  }
  return largest / 127.0F;
}

std::int8_t quantized(float x, float scale) {
  if (!(scale > 0.0F)) return 0;
  return static_cast<std::int8_t>(std::clamp(std::nearbyint(x / scale), -127.0F, 127.0F));
}

/// n values, `stride` elements apart in storage.
template <typename T, typename Convert>
void write_values(const float* x, std::int64_t n, T* out, std::int64_t stride, Convert convert) {
  for (std::int64_t i = 0; i < n; ++i) out[i * stride] = convert(x[i]);
}

/// One position of a narrow type.
template <typename T, typename Convert>
void write_position(const CacheLayout& layout, std::byte* head, std::int64_t lane, const float* key, const float* value,
                    Convert convert_key, Convert convert_value) {
  write_values(key, layout.head_dim, reinterpret_cast<T*>(head) + lane, kAttentionKeyBlock, convert_key);
  T* values = reinterpret_cast<T*>(head + layout.value_offset()) + lane * layout.value_stride();
  write_values(value, layout.value_dim, values, 1, convert_value);
}

struct Quantizer {
  float scale;
  std::int8_t operator()(float x) const { return quantized(x, scale); }
};

void write_int8(const CacheLayout& layout, std::byte* head, std::int64_t lane, const float* key, const float* value) {
  float* scales = reinterpret_cast<float*>(head + layout.scale_offset());
  const Quantizer of_key{scale_of(key, layout.head_dim)}, of_value{scale_of(value, layout.value_dim)};
  scales[lane] = of_key.scale;
  scales[kAttentionKeyBlock + lane] = of_value.scale;
  write_position<std::int8_t>(layout, head, lane, key, value, of_key, of_value);
}

}  // namespace

KeyStorage CacheLayout::storage() const {
  return dtype == DType::bfloat16 ? KeyStorage::bfloat16
         : dtype == DType::int8   ? KeyStorage::int8
                                  : KeyStorage::float32;
}

std::int64_t CacheLayout::value_stride() const {
  if (dtype == DType::float32) return value_dim;
  return (value_dim + kAttentionValuePad - 1) / kAttentionValuePad * kAttentionValuePad;
}

std::size_t CacheLayout::value_offset() const {
  return aligned(static_cast<std::size_t>(head_dim * kAttentionKeyBlock) * item_size(dtype));
}
std::size_t CacheLayout::scale_offset() const {
  return value_offset() + aligned(static_cast<std::size_t>(value_stride() * kAttentionKeyBlock) * item_size(dtype));
}
std::size_t CacheLayout::head_bytes() const {
  return scale_offset() + (dtype == DType::int8 ? 2 * kAttentionKeyBlock * sizeof(float) : 0);
}

void CacheLayout::write(std::byte* head, std::int64_t lane, std::int64_t count, const float* key,
                        std::int64_t key_stride, const float* value, std::int64_t value_stride) const {
  if (dtype == DType::float32) {
    store_keys(count, head_dim, key, key_stride, reinterpret_cast<float*>(head) + lane);
    float* values = reinterpret_cast<float*>(head + value_offset()) + lane * value_dim;
    for (std::int64_t t = 0; t < count; ++t) std::copy_n(value + t * value_stride, value_dim, values + t * value_dim);
    return;
  }
  for (std::int64_t t = 0; t < count; ++t, key += key_stride, value += value_stride) {
    if (dtype == DType::bfloat16) {
      write_position<BFloat16>(*this, head, lane + t, key, value, &to_bfloat16, &to_bfloat16);
    } else {
      write_int8(*this, head, lane + t, key, value);
    }
  }
}

}  // namespace pyseq
