// io/safetensors.h and io/files.h: named arrays and text metadata in one file; files written as a whole.
#include "io/safetensors.h"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bind/arrays.h"

namespace pyseq {
namespace {

using Metadata = std::map<std::string, std::string>;

std::vector<NamedTensor> tensors_from_python(const ObjectDict& arrays) {
  std::vector<NamedTensor> tensors;
  for (const auto& [key, value] : arrays) {
    std::string name = py::cast<std::string>(key);
    const bool is_packed = py::isinstance<PackedWeight>(value);
    Tensor tensor =
        is_packed ? value.cast<const PackedWeight&>().tensor : tensor_from_array(value, "write_safetensors", name);
    tensors.push_back({std::move(name), std::move(tensor)});
  }
  return tensors;
}

py::typing::Optional<py::bytes> write(const std::optional<std::filesystem::path>& path, const Metadata& metadata,
                                      const ObjectDict& arrays) {
  const std::vector<NamedTensor> tensors = tensors_from_python(arrays);
  std::vector<std::byte> bytes;
  {
    const GilRelease no_gil;
    bytes = write_safetensors(metadata, tensors);
    if (path) write_file_atomically(*path, bytes);
  }
  if (path) return py::none();
  return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::pair<Metadata, ArrayDict> read(const std::filesystem::path& path, bool mmap) {
  SafetensorsFile file;
  {
    const GilRelease no_gil;
    FileBytes opened = open_file(path, mmap);
    file = read_safetensors(opened.bytes, std::move(opened.owner));
  }
  ArrayDict arrays;
  for (const NamedTensor& named : file.tensors) {
    arrays[py::str(named.name)] = array_from_tensor(named.tensor, /*writable=*/false);
  }
  return {std::move(file.metadata), std::move(arrays)};
}

void write_file(const std::filesystem::path& path, const py::bytes& bytes) {
  const std::string_view text = bytes;
  const GilRelease no_gil;
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace

void bind_safetensors(py::module_& module) {
  module.def("write_safetensors", write, py::arg("path"), py::arg("metadata"), py::arg("tensors"),
             "Write arrays and packed weights as a safetensors file, atomically; with path None, return its bytes.");
  module.def("write_file", write_file, py::arg("path"), py::arg("bytes"),
             "Write a file so that a crash leaves the old one or the new one, never half of it.");
  module.def("read_safetensors", read, py::arg("path"), py::arg("mmap") = true,
             "Metadata and read-only arrays of a safetensors file, mapped into memory unless mmap is False.");
}

}  // namespace pyseq
