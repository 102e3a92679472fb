// The safetensors container: u64 little-endian header length, a JSON header, raw tensor bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pyseq/tensor.h"

namespace pyseq {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  std::vector<NamedTensor> tensors;  // in file order; views into the bytes
};

/// FormatError: cut short, header too long, offsets wrong or overlapping or with holes, sizes that overflow, unknown
/// dtype, duplicate names, JSON that is malformed, not UTF-8 or nested too deeply.
SafetensorsFile read_safetensors(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

/// Opens a file for reading, mapped or copied into memory. Error: cannot be opened; FormatError: empty.
struct FileBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};
FileBytes open_file(const std::filesystem::path& file, bool mmap);

/// The bytes of a safetensors file. Every tensor starts at a multiple of 64 bytes from the start of the file: the header
/// ends in spaces, and between tensors stand uint8 tensors named "pyseq.padding.N" (the format allows no holes), which
/// read_safetensors leaves out of its result.
std::vector<std::byte> write_safetensors(const std::map<std::string, std::string>& metadata,
                                         std::span<const NamedTensor> tensors);
/// Writes beside the target, syncs, then renames: a crash leaves the old file or the new one. Error: disk full and such.
void write_file_atomically(const std::filesystem::path& file, std::span<const std::byte> bytes);

}  // namespace pyseq
