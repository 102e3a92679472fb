// ops/kv_cache.h: keys and values of one attention layer.
#include "bind/kv_cache.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <vector>

#include "bind/arrays.h"
#include "text/quoting.h"

namespace pyseq {
namespace {

void append(PyKvCache& self, const py::object& key, const py::object& value,
            const std::optional<std::vector<std::int64_t>>& lengths) {
  const Tensor keys = tensor_from_array(key, "KvCache.append", "key");
  const Tensor values = tensor_from_array(value, "KvCache.append", "value");
  const std::vector<std::int64_t> counts = lengths.value_or(std::vector<std::int64_t>{});
  const auto cache = self.lease();
  const GilRelease no_gil;
  cache->append(keys, values, counts);
}

DType storage_from_name(std::string_view name) {
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::int8}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  throw ValueError("KvCache: dtype has " + in_quotes(name) + ", expected 'float32', 'bfloat16' or 'int8'");
}

}  // namespace

void bind_kv_cache(py::module_& module) {
  py::class_<PyKvCache>(module, "KvCache",
                        "Keys and values of one attention layer that grow along time, for a number of rows.")
      .def(py::init([](std::int64_t heads, std::int64_t head_dim, std::int64_t value_dim, std::int64_t rows,
                       const std::string& dtype) {
             return std::make_unique<PyKvCache>(std::in_place, heads, head_dim, value_dim, rows,
                                                storage_from_name(dtype));
           }),
           py::arg("heads"), py::arg("head_dim"), py::arg("value_dim"), py::arg("rows"), py::arg("dtype") = "float32")
      .def_property_readonly(
          "dtype", [](PyKvCache& self) { return dtype_name(self.lease()->dtype()); },
          "How keys and values are stored: float32, bfloat16 or int8.")
      .def_property_readonly(
          "rows", [](PyKvCache& self) { return self.lease()->rows(); }, "Number of rows (streams or beams).")
      .def_property_readonly(
          "heads", [](PyKvCache& self) { return self.lease()->heads(); }, "Number of attention heads.")
      .def_property_readonly(
          "head_dim", [](PyKvCache& self) { return self.lease()->head_dim(); }, "Size of a key of one head.")
      .def_property_readonly(
          "value_dim", [](PyKvCache& self) { return self.lease()->value_dim(); }, "Size of a value of one head.")
      .def_property_readonly(
          "max_length", [](PyKvCache& self) { return self.lease()->max_length(); }, "Positions of the longest row.")
      .def_property_readonly(
          "nbytes", [](PyKvCache& self) { return self.lease()->bytes(); }, "Bytes of the distinct blocks held.")
      .def(
          "length",
          [](PyKvCache& self, std::int64_t row) {
            const auto cache = self.lease();
            if (row < 0 || row >= cache->rows()) {
              throw IndexError("KvCache.length: row is " + std::to_string(row) + ", expected one below " +
                               std::to_string(cache->rows()));
            }
            return cache->length(row);
          },
          py::arg("row"), "Positions held by a row.")
      .def("append", append, py::arg("key"), py::arg("value"), py::arg("lengths") = py::none(),
           "Add positions to every row: key [rows, time, heads * head_dim], value [rows, time, heads * value_dim].\n\n"
           "With `lengths` [rows], only the first lengths[r] positions of row r are added.")
      .def(
          "reorder", [](PyKvCache& self, const std::vector<std::int64_t>& parents) { self.lease()->reorder(parents); },
          py::arg("parents"), "Row r becomes what row parents[r] was; the number of rows may change.")
      .def(
          "truncate", [](PyKvCache& self, std::int64_t length) { self.lease()->truncate(length); }, py::arg("length"),
          "Forget positions from `length` on, in every row that has more.")
      .def(
          "copy", [](PyKvCache& self) { return std::make_unique<PyKvCache>(std::in_place, *self.lease()); },
          "A copy, which shares the blocks; what either side appends is its own.");
}

}  // namespace pyseq
