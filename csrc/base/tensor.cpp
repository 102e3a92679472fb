#include "pyseq/tensor.h"

#include <algorithm>
#include <cstring>

#include "base/arena.h"
#include "base/packing.h"

namespace pyseq {
namespace {

/// a * b for sizes that are not negative. ShapeError when 63 bits do not hold it.
std::int64_t checked_product(std::int64_t a, std::int64_t b, const Shape& shape) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw ShapeError("shape " + shape.to_string() + " has more elements than 63 bits can count");
  }
  return product;
}

std::size_t bytes_of(DType dtype, const Shape& shape) {
  const auto size = static_cast<std::int64_t>(item_size(dtype));
  return static_cast<std::size_t>(checked_product(shape.num_elements(), size, shape));
}

/// Bytes that the weight `logical` [gates * units, in] takes in panels of `storage`.
std::size_t packed_storage_bytes(DType storage, const Shape& logical, int gates) {
  const bool is_matrix = logical.rank() == 2, is_convolution = logical.rank() > 2 && gates == 1;
  if (!(is_matrix || is_convolution) || gates < 1 || gates > UINT8_MAX || logical[0] % gates != 0) {
    throw ShapeError("packed tensor: shape " + logical.to_string() + " is not [gates * units, in] with " +
                     std::to_string(gates) + " gates");
  }
  // A bound on both sizes keeps the paddings from overflowing.
  const std::int64_t units = checked_product(logical[0], kPanelColumns, logical) / kPanelColumns / gates;
  std::int64_t depth = 1;
  for (int axis = 1; axis < logical.rank(); ++axis) depth = checked_product(depth, logical[axis], logical);
  checked_product(depth, kInt8Group, logical);
  const Shape padded{gates, padded_columns(units), padded_depth(storage, depth)};
  const std::size_t panels = bytes_of(storage, padded);
  return storage == DType::int8 ? panels + bytes_of(DType::int64, Shape{gates, padded_columns(units)}) : panels;
}

}  // namespace

std::size_t item_size(DType dtype) {
  switch (dtype) {
    case DType::int64:
      return 8;
    case DType::float32:
    case DType::int32:
      return 4;
    case DType::bfloat16:
      return 2;
    case DType::uint8:
    case DType::int8:
      return 1;
  }
  throw DTypeError("unknown element type " + std::to_string(static_cast<int>(dtype)));
}

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::int64:
      return "int64";
    case DType::int32:
      return "int32";
    case DType::uint8:
      return "uint8";
    case DType::bfloat16:
      return "bfloat16";
    case DType::int8:
      return "int8";
  }
  return "unknown";
}

Shape::Shape(std::span<const std::int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
  if (sizes.size() > static_cast<std::size_t>(kMaxRank)) {
    throw ShapeError("shape has " + std::to_string(sizes.size()) + " axes, expected at most " +
                     std::to_string(kMaxRank));
  }
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  if (std::any_of(begin(), end(), [](std::int64_t size) { return size < 0; })) {
    throw ShapeError("shape " + to_string() + " has a negative size");
  }
}

std::int64_t Shape::num_elements() const {
  // Zeros are left out of the overflow check's product, so that products of some of the sizes never overflow either.
  std::int64_t product = 1;
  bool is_empty = false;
  for (const std::int64_t size : *this) {
    if (size == 0) {
      is_empty = true;
    } else {
      product = checked_product(product, size, *this);
    }
  }
  return is_empty ? 0 : product;
}

Shape Shape::with(int axis, std::int64_t size) const {
  Shape copy = *this;
  copy.set(axis, size);
  return copy;
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (int axis = 0; axis < rank_; ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(sizes_[axis]);
  }
  return text + "]";
}

bool operator==(const Shape& a, const Shape& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

Tensor Tensor::meta(DType dtype, const Shape& shape) {
  Tensor tensor;
  tensor.num_bytes_ = bytes_of(dtype, shape);
  tensor.shape_ = shape;
  tensor.dtype_ = dtype;
  tensor.defined_ = true;
  return tensor;
}

Tensor Tensor::empty(DType dtype, const Shape& shape) {
  Tensor tensor = meta(dtype, shape);
  std::shared_ptr<void> memory = MemoryPool::allocate(tensor.num_bytes_);
  tensor.data_ = memory.get();
  tensor.owner_ = std::move(memory);
  return tensor;
}

Tensor Tensor::zeros(DType dtype, const Shape& shape) {
  Tensor tensor = empty(dtype, shape);
  std::memset(tensor.data_, 0, tensor.num_bytes_);
  return tensor;
}

Tensor Tensor::view(DType dtype, const Shape& shape, void* data, std::shared_ptr<const void> owner) {
  Tensor tensor = meta(dtype, shape);
  tensor.data_ = data;
  tensor.owner_ = std::move(owner);
  return tensor;
}

Tensor Tensor::constant_view(DType dtype, const Shape& shape, const void* data, std::shared_ptr<const void> owner) {
  Tensor tensor = view(dtype, shape, const_cast<void*>(data), std::move(owner));
  tensor.read_only_ = true;
  return tensor;
}

template <typename T>
Tensor Tensor::from(const Shape& shape, std::span<const T> values) {
  if (static_cast<std::size_t>(shape.num_elements()) != values.size()) {
    throw ShapeError("tensor of shape " + shape.to_string() + " needs " + std::to_string(shape.num_elements()) +
                     " values, got " + std::to_string(values.size()));
  }
  Tensor tensor = empty(dtype_of<T>, shape);
  std::copy(values.begin(), values.end(), static_cast<T*>(tensor.data_));
  return tensor;
}

template Tensor Tensor::from<float>(const Shape&, std::span<const float>);
template Tensor Tensor::from<std::int64_t>(const Shape&, std::span<const std::int64_t>);
template Tensor Tensor::from<std::int32_t>(const Shape&, std::span<const std::int32_t>);

Tensor Tensor::reshaped(const Shape& shape) const {
  if (is_packed()) throw ShapeError("packed tensor " + shape_.to_string() + " cannot be reshaped");
  if (shape.num_elements() != num_elements()) {
    throw ShapeError("tensor " + shape_.to_string() + " cannot be reshaped to " + shape.to_string());
  }
  Tensor tensor = *this;
  tensor.shape_ = shape;
  return tensor;
}

Tensor Tensor::rows(std::int64_t first, std::int64_t count) const {
  if (is_packed() || rank() == 0) throw ShapeError("tensor " + shape_.to_string() + " has no rows to select");
  if (first < 0 || count < 0 || first > size(0) || count > size(0) - first) {
    throw IndexError("rows: " + std::to_string(count) + " rows from " + std::to_string(first) +
                     " on do not lie inside a tensor " + shape_.to_string());
  }
  Tensor tensor = *this;
  tensor.shape_.set(0, count);
  if (size(0) == 0) return tensor;
  const std::size_t row_bytes = num_bytes_ / static_cast<std::size_t>(size(0));
  tensor.num_bytes_ = row_bytes * static_cast<std::size_t>(count);
  if (data_ != nullptr) tensor.data_ = static_cast<char*>(data_) + row_bytes * static_cast<std::size_t>(first);
  return tensor;
}

Tensor Tensor::copy() const {
  if (data_ == nullptr) return *this;
  std::shared_ptr<void> memory = MemoryPool::allocate(num_bytes_);
  std::memcpy(memory.get(), data_, num_bytes_);
  Tensor tensor = *this;
  tensor.data_ = memory.get();
  tensor.owner_ = std::move(memory);
  tensor.read_only_ = false;
  return tensor;
}

Tensor Tensor::packed(const Shape& logical, int gates, Tensor storage) {
  const bool is_weight_type =
      storage.dtype_ == DType::float32 || storage.dtype_ == DType::bfloat16 || storage.dtype_ == DType::int8;
  if (storage.is_packed()) throw ShapeError("packed tensor " + storage.shape_.to_string() + " is packed already");
  if (!is_weight_type) {
    throw DTypeError("packed tensor " + logical.to_string() + " is stored as " + dtype_name(storage.dtype_) +
                     ", expected float32, bfloat16 or int8");
  }
  if (storage.dtype_ == DType::int8 && logical.rank() == 2 && logical[1] > kMostInt8Depth) {
    throw ShapeError("packed tensor " + logical.to_string() + " has more than " + std::to_string(kMostInt8Depth) +
                     " columns, the most for int8");
  }
  const std::size_t expected = packed_storage_bytes(storage.dtype_, logical, gates);
  if (storage.num_bytes_ != expected) {
    throw ShapeError("packed tensor " + logical.to_string() + " with " + std::to_string(gates) + " gates needs " +
                     std::to_string(expected / item_size(storage.dtype_)) + " " + dtype_name(storage.dtype_) +
                     " values, got " + storage.shape_.to_string());
  }
  storage.shape_ = logical;
  storage.panel_gates_ = static_cast<std::uint8_t>(gates);
  return storage;
}

void Tensor::require_dtype(DType expected) const {
  if (defined_ && dtype_ != expected) {
    throw DTypeError("tensor " + shape_.to_string() + " is " + dtype_name(dtype_) + ", expected " +
                     dtype_name(expected));
  }
}

void Tensor::require_writable() const {
  if (read_only_) throw ValueError("tensor " + shape_.to_string() + " is read-only");
}

}  // namespace pyseq
