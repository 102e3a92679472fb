// What the reader and the writer of safetensors files share: constants of the format.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pyseq/tensor.h"

namespace pyseq::safetensors {

inline constexpr std::size_t kLengthBytes = 8;                 // the header's length, little-endian
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // a rule of the format
inline constexpr std::string_view kMetadataKey = "__metadata__";
inline constexpr std::string_view kPaddingPrefix = "pyseq.padding.";

struct DTypeCode {
  std::string_view code;
  DType dtype;
};
inline constexpr std::array kDTypeCodes = {
    DTypeCode{"F32", DType::float32}, DTypeCode{"I64", DType::int64},     DTypeCode{"I32", DType::int32},
    DTypeCode{"U8", DType::uint8},    DTypeCode{"BF16", DType::bfloat16}, DTypeCode{"I8", DType::int8},
};

}  // namespace pyseq::safetensors
