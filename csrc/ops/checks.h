// Argument checks that ops share. Messages: "<label>: <argument> has <got>, expected <expected>".
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "ops/registry.h"
#include "text/quoting.h"

namespace pyseq {

[[noreturn]] void throw_shape(std::string_view label, std::string_view argument, std::string_view got,
                              std::string_view expected);
[[noreturn]] void throw_value(std::string_view label, std::string_view argument, std::string_view got,
                              std::string_view expected);

/// The element type; a tensor in packed layout is refused too (check_weight accepts those).
void check_dtype(std::string_view label, std::string_view argument, const Tensor& tensor, DType expected);
void check_rank(std::string_view label, std::string_view argument, const Tensor& tensor, int expected);
void check_min_rank(std::string_view label, std::string_view argument, const Tensor& tensor, int least);
/// The whole shape; -1 accepts any size. `because` says where the expected sizes come from.
void check_shape(std::string_view label, std::string_view argument, const Tensor& tensor,
                 std::initializer_list<std::int64_t> expected, std::string_view because = {});
/// check_dtype and check_shape in one.
void check_tensor(std::string_view label, std::string_view argument, const Tensor& tensor, DType dtype,
                  std::initializer_list<std::int64_t> shape, std::string_view because = {});
/// A matrix: row-major float32, or packed with `gates` in any storage type; -1 accepts any size.
void check_weight(std::string_view label, std::string_view argument, const Tensor& weight, int gates, std::int64_t rows,
                  std::int64_t columns, std::string_view because = {});

/// lengths [batch] int64, each in [0, time]: ShapeError / DTypeError by infer, ValueError by this (reads data).
void check_lengths(std::string_view label, const Tensor& lengths, std::int64_t batch, std::int64_t time);
/// Every value in [0, count): IndexError (reads data). `table` says what is indexed: "the 30 rows of weight".
void check_indices(std::string_view label, std::string_view argument, std::span<const std::int64_t> indices,
                   std::int64_t count, std::string_view table);

/// The panels of a float32 tensor: its own when it is packed with `gates`, else made in scratch memory.
const float* packed_or_pack(const Tensor& weight, int gates, Arena& scratch);

}  // namespace pyseq
