// pyseq/tensor.h: packed weights. Tensors themselves are NumPy arrays in Python (bind/arrays.h).
#include "pyseq/tensor.h"

#include "base/packing.h"
#include "bind/arrays.h"

namespace pyseq {
void bind_tensor(py::module_& module) {
  // A NumPy that is missing or broken shows when pyseq is imported, not in the middle of a call.
  py::module_::import("numpy");
  py::class_<PackedWeight>(module, "PackedWeight",
                           "A weight [out, in] in the layout that kernels read: made once by pack_weight.")
      .def_property_readonly(
          "shape",
          [](const PackedWeight& self) -> py::typing::Tuple<py::int_, py::ellipsis> {
            const Shape& shape = self.tensor.shape();
            py::tuple sizes(shape.rank());
            for (int axis = 0; axis < shape.rank(); ++axis) sizes[axis] = shape[axis];
            return sizes;
          },
          "Sizes of the weight: (out, in), or (out, in, taps...) of a convolution.")
      .def_property_readonly(
          "gates", [](const PackedWeight& self) { return self.tensor.panel_gates(); },
          "Gates whose units are interleaved: 1, or 3 (GRU) and 4 (LSTM) for recurrent weights.")
      .def_property_readonly(
          "dtype", [](const PackedWeight& self) { return dtype_name(self.tensor.dtype()); },
          "Storage type: \"float32\", \"bfloat16\" or \"int8\".")
      .def_property_readonly(
          "nbytes", [](const PackedWeight& self) { return self.tensor.num_bytes(); }, "Bytes held.")
      .def(
          "unpack", [](const PackedWeight& self) { return array_from_tensor(unpack_weight(self.tensor)); },
          "The matrix [out, in] as a new array.")
      .def("__repr__", [](const PackedWeight& self) {
        return "PackedWeight(shape=" + self.tensor.shape().to_string() +
               ", gates=" + std::to_string(self.tensor.panel_gates()) + ", dtype=" + dtype_name(self.tensor.dtype()) +
               ")";
      });
  module.def(
      "pack_weight",
      [](const py::object& weight, int gates, std::string_view dtype) {
        return PackedWeight{
            pack_weight(tensor_from_array(weight, "pack_weight", "weight"), gates, storage_type("pack_weight", dtype))};
      },
      py::arg("weight"), py::arg("gates") = 1, py::arg("dtype") = "float32",
      "A float32 matrix [gates * units, in] in the layout that kernels read (a copy), stored as \"float32\",\n"
      "\"bfloat16\" or \"int8\" (symmetric, one scale per row).");
}

}  // namespace pyseq
