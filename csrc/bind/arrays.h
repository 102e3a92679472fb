// NumPy arrays as tensors and back, without copying.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/typing.h>

#include <string_view>

#include "bind/bind.h"
#include "pyseq/tensor.h"

namespace pyseq {

// Containers with the types of what they hold, for the signatures that Python shows.
using ObjectList = py::typing::List<py::object>;
using OptionalArrayList = py::typing::List<py::typing::Optional<py::array>>;
using ObjectDict = py::typing::Dict<py::str, py::object>;
using ArrayDict = py::typing::Dict<py::str, py::array>;
using DictList = py::typing::List<ObjectDict>;

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

/// The same, or None for an undefined tensor.
py::typing::Optional<py::array> optional_array(const Tensor& tensor);

/// The inverse of tensor_from_operand, with a copy of the values: an array, a PackedWeight, or None.
py::object operand_from_tensor(const Tensor& tensor);

/// A storage type of packed weights and caches by its name. ValueError: another name.
DType storage_type(std::string_view label, std::string_view name, std::string_view argument = "dtype");

}  // namespace pyseq
