// Tensor: a typed, contiguous, row-major array with shared ownership. Copying a Tensor shares its data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

#include "pyseq/error.h"

namespace pyseq {

/// bfloat16 and int8 are storage types of packed weights and caches; public arrays are never of them.
enum class DType : std::uint8_t { float32, int64, int32, uint8, bfloat16, int8 };

/// The bits of a bfloat16 value: the upper half of a float32.
enum class BFloat16 : std::uint16_t {};

std::size_t item_size(DType dtype);
const char* dtype_name(DType dtype);

/// The DType of a C++ type; other types do not compile.
template <typename T>
inline constexpr DType dtype_of = T::has_no_dtype;
template <>
inline constexpr DType dtype_of<float> = DType::float32;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::int64;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::int32;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::uint8;
template <>
inline constexpr DType dtype_of<std::int8_t> = DType::int8;
template <>
inline constexpr DType dtype_of<BFloat16> = DType::bfloat16;

inline constexpr int kMaxRank = 8;

/// Sizes of a tensor, at most kMaxRank of them. Sizes are never negative.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const std::int64_t> sizes);  // ShapeError: rank above kMaxRank or a negative size

  int rank() const { return rank_; }
  /// Size of an axis; negative axes count from the end. The axis must exist.
  std::int64_t operator[](int axis) const { return sizes_[axis < 0 ? axis + rank_ : axis]; }
  void set(int axis, std::int64_t size) { sizes_[axis < 0 ? axis + rank_ : axis] = size; }
  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }

  std::int64_t num_elements() const;              // ShapeError on overflow of 63 bits
  Shape with(int axis, std::int64_t size) const;  // a copy with one size changed
  std::string to_string() const;                  // "[2, 3, 4]"
  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::array<std::int64_t, kMaxRank> sizes_{};
  int rank_ = 0;
};

class Tensor {
 public:
  /// An undefined tensor: stands for an optional input or output that is absent.
  Tensor() = default;

  /// Fresh memory from the pool, 64-byte aligned, not initialised (empty) or zero (zeros).
  static Tensor empty(DType dtype, const Shape& shape);
  static Tensor zeros(DType dtype, const Shape& shape);
  /// Memory of somebody else, kept alive by `owner` (may be null when the caller guarantees the lifetime).
  static Tensor view(DType dtype, const Shape& shape, void* data, std::shared_ptr<const void> owner = nullptr);
  static Tensor constant_view(DType dtype, const Shape& shape, const void* data,
                              std::shared_ptr<const void> owner = nullptr);
  /// Type and shape without data: what shape rules work on.
  static Tensor meta(DType dtype, const Shape& shape);
  template <typename T>
  static Tensor from(const Shape& shape, std::span<const T> values);
  template <typename T>
  static Tensor from(const Shape& shape, std::initializer_list<T> values) {
    return from(shape, std::span<const T>(values.begin(), values.size()));
  }

  bool defined() const { return defined_; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  std::int64_t size(int axis) const { return shape_[axis]; }
  std::int64_t num_elements() const { return shape_.num_elements(); }
  std::size_t num_bytes() const { return num_bytes_; }  // of the storage: packed tensors may hold padding

  /// Typed access; the dtype must match (checked: DTypeError). Null when the tensor is undefined or meta, so that an
  /// absent bias can be handed to a kernel as it is.
  template <typename T>
  const T* data() const {
    require_dtype(dtype_of<T>);
    return static_cast<const T*>(data_);
  }
  template <typename T>
  T* mutable_data() {
    require_dtype(dtype_of<T>);
    require_writable();
    return static_cast<T*>(data_);
  }
  template <typename T>
  std::span<const T> values() const {
    return {data<T>(), static_cast<std::size_t>(num_elements())};
  }
  const void* raw() const { return data_; }
  void* mutable_raw() {
    require_writable();
    return data_;
  }

  /// The same data under another shape with the same number of elements (ShapeError otherwise).
  Tensor reshaped(const Shape& shape) const;
  /// Rows [first, first + count) of axis 0, sharing the data.
  Tensor rows(std::int64_t first, std::int64_t count) const;
  Tensor copy() const;

  /// 0: row-major. g >= 1: a weight [out, in] stored in panels of 32 output columns, k-major, where blocks of 32
  /// hidden units of g gates follow each other (base/packing.h); shape() stays the logical [out, in].
  int panel_gates() const { return panel_gates_; }
  bool is_packed() const { return panel_gates_ > 0; }
  /// Declares that `storage` (float32, bfloat16 or int8, of any shape) holds the weight `logical` [gates * units, in]
  /// in panels. ShapeError when it has not as many bytes as that takes.
  static Tensor packed(const Shape& logical, int gates, Tensor storage);

 private:
  void require_dtype(DType expected) const;
  void require_writable() const;

  void* data_ = nullptr;
  std::shared_ptr<const void> owner_;
  Shape shape_;
  std::size_t num_bytes_ = 0;
  DType dtype_ = DType::float32;
  bool defined_ = false;
  bool read_only_ = false;
  std::uint8_t panel_gates_ = 0;
};

extern template Tensor Tensor::from<float>(const Shape&, std::span<const float>);
extern template Tensor Tensor::from<std::int64_t>(const Shape&, std::span<const std::int64_t>);
extern template Tensor Tensor::from<std::int32_t>(const Shape&, std::span<const std::int32_t>);

}  // namespace pyseq
