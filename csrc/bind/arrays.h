// NumPy arrays as tensors and back, without copying.
#pragma once

#include <pybind11/numpy.h>

#include <string_view>

#include "bind/bind.h"
#include "pyseq/tensor.h"

namespace pyseq {

/// A weight in the layout that kernels read; opaque to Python.
struct PackedWeight {
  Tensor tensor;
};

/// An array (C-contiguous; float32, int64, int32, uint8 or int8) as a tensor that shares its memory and keeps it alive.
/// What does not fit gives DTypeError or ValueError: "<label>: <argument> has ..., expected ... (<the fix>)".
Tensor tensor_from_array(py::handle value, std::string_view label, std::string_view argument);

/// What an op reads: an array, where int32 becomes int64, a PackedWeight, or None for an absent input.
Tensor tensor_from_operand(py::handle value, std::string_view label, std::string_view argument);

/// An array that shares the tensor's memory and keeps it alive.
py::array array_from_tensor(const Tensor& tensor, bool writable = true);

/// An array, a PackedWeight for a packed tensor, or None for an undefined one.
py::object object_from_tensor(const Tensor& tensor, bool writable = true);

}  // namespace pyseq
