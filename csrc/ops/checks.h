// Argument checks that ops share. Messages: "<label>: <argument> has <got>, expected <expected>".
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "ops/registry.h"

namespace pyseq {

[[noreturn]] void throw_shape(std::string_view label, std::string_view argument, std::string_view got,
                              std::string_view expected);
void check_dtype(std::string_view label, std::string_view argument, const Tensor& tensor, DType expected);
void check_rank(std::string_view label, std::string_view argument, const Tensor& tensor, int expected);
/// The whole shape; -1 accepts any size.
void check_shape(std::string_view label, std::string_view argument, const Tensor& tensor, std::initializer_list<std::int64_t> expected,
                 std::string_view because = {});
/// lengths [batch] int64, each in [0, time]: ShapeError / DTypeError by infer, ValueError by this (reads data).
void check_lengths(std::string_view label, const Tensor& lengths, std::int64_t batch, std::int64_t time);
/// The tensor packed with `gates`: itself when it is, else packed into scratch memory.
const float* packed_or_pack(const Tensor& weight, int gates, Arena& scratch);

}  // namespace pyseq
