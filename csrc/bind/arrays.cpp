#include "bind/arrays.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace pyseq {
namespace {

std::string place(std::string_view label, std::string_view argument) {
  return std::string(label) + ": " + std::string(argument);
}

std::optional<DType> dtype_of_array(const py::dtype& dtype) {
  const char order = dtype.byteorder();
  if (order != '=' && order != '|') return std::nullopt;
  const py::ssize_t size = dtype.itemsize();
  switch (dtype.kind()) {
    case 'f':
      if (size == 4) return DType::float32;
      break;
    case 'i':
      if (size == 8) return DType::int64;
      if (size == 4) return DType::int32;
      if (size == 1) return DType::int8;
      break;
    case 'u':
      if (size == 1) return DType::uint8;
      break;
  }
  return std::nullopt;
}

[[noreturn]] void throw_dtype(const py::dtype& dtype, std::string_view label, std::string_view argument) {
  const char* expected = dtype.kind() == 'f' ? "float32" : dtype.kind() == 'b' ? "uint8" : "int64";
  throw DTypeError(place(label, argument) + " has dtype " + std::string(py::str(dtype)) + ", expected " + expected +
                   " (use " + std::string(argument) + ".astype(numpy." + expected + "))");
}

/// A reference to a Python object for a tensor to hold. The last owner may live on a thread without the GIL.
std::shared_ptr<const void> keep_alive(py::handle object) {
  return {object.inc_ref().ptr(), [](PyObject* held) {
            if (!Py_IsInitialized()) return;  // at exit a leak is better than a call into a dead interpreter
            const GilAcquire gil;
            Py_DECREF(held);
          }};
}

py::dtype array_dtype(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return py::dtype::of<float>();
    case DType::int64:
      return py::dtype::of<std::int64_t>();
    case DType::int32:
      return py::dtype::of<std::int32_t>();
    case DType::uint8:
      return py::dtype::of<std::uint8_t>();
    case DType::int8:
      return py::dtype::of<std::int8_t>();
    case DType::bfloat16:
      break;
  }
  throw UnsupportedError(std::string("NumPy has no type for ") + dtype_name(dtype));
}

Tensor widened(const Tensor& ids) {
  Tensor wide = Tensor::empty(DType::int64, ids.shape());
  const std::span<const std::int32_t> values = ids.values<std::int32_t>();
  std::copy(values.begin(), values.end(), wide.mutable_data<std::int64_t>());
  return wide;
}

}  // namespace

Tensor tensor_from_array(py::handle value, std::string_view label, std::string_view argument) {
  if (!py::isinstance<py::array>(value)) {
    throw DTypeError(place(label, argument) + " is of type " + Py_TYPE(value.ptr())->tp_name +
                     ", expected numpy.ndarray (use numpy.asarray)");
  }
  const auto array = py::reinterpret_borrow<py::array>(value);
  const py::dtype array_type = array.dtype();
  const std::optional<DType> dtype = dtype_of_array(array_type);
  if (!dtype) throw_dtype(array_type, label, argument);
  if ((array.flags() & py::array::c_style) == 0) {
    throw ValueError(place(label, argument) + " is not contiguous, expected a C-contiguous array (use " +
                     "numpy.ascontiguousarray(" + std::string(argument) + "))");
  }
  if ((array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) == 0) {
    throw ValueError(place(label, argument) + " is not aligned in memory (use " + std::string(argument) + ".copy())");
  }
  if (array.ndim() > kMaxRank) {
    throw ShapeError(place(label, argument) + " has " + std::to_string(array.ndim()) + " axes, expected at most " +
                     std::to_string(kMaxRank));
  }
  std::array<std::int64_t, kMaxRank> sizes;
  std::copy_n(array.shape(), array.ndim(), sizes.begin());
  const Shape shape(std::span<const std::int64_t>(sizes.data(), static_cast<std::size_t>(array.ndim())));
  if (!array.writeable()) return Tensor::constant_view(*dtype, shape, array.data(), keep_alive(array));
  return Tensor::view(*dtype, shape, const_cast<void*>(array.data()), keep_alive(array));
}

Tensor tensor_from_operand(py::handle value, std::string_view label, std::string_view argument) {
  if (value.is_none()) return {};
  if (!py::isinstance<py::array>(value) && py::isinstance<PackedWeight>(value)) {
    return value.cast<const PackedWeight&>().tensor;
  }
  Tensor tensor = tensor_from_array(value, label, argument);
  return tensor.dtype() == DType::int32 ? widened(tensor) : tensor;
}

py::array array_from_tensor(const Tensor& tensor, bool writable) {
  const py::dtype dtype = array_dtype(tensor.dtype());
  auto held = std::make_unique<Tensor>(tensor);
  const py::capsule owner(held.get(), [](void* pointer) { delete static_cast<Tensor*>(pointer); });
  held.release();  // NOLINT: the capsule owns it now
  py::array array(dtype, py::array::ShapeContainer(tensor.shape().begin(), tensor.shape().end()), tensor.raw(), owner);
  if (!writable) py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return array;
}

py::typing::Optional<py::array> optional_array(const Tensor& tensor) {
  if (!tensor.defined()) return py::none();
  return array_from_tensor(tensor);
}

py::object operand_from_tensor(const Tensor& tensor) {
  if (!tensor.defined()) return py::none();
  if (tensor.is_packed()) return py::cast(PackedWeight{tensor});
  return array_from_tensor(tensor.copy());
}

DType storage_type(std::string_view label, std::string_view name, std::string_view argument) {
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::int8}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  throw ValueError(std::string(label) + ": " + std::string(argument) + " is \"" + std::string(name) +
                   "\", expected float32, bfloat16 or int8");
}

}  // namespace pyseq
