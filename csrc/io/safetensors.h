// The safetensors container: u64 little-endian header length, a JSON header, raw tensor bytes.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/files.h"
#include "pyseq/tensor.h"

namespace pyseq {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  std::vector<NamedTensor> tensors;  // in file order
};

/// FormatError: cut short, header too long, offsets wrong or overlapping or with holes, sizes that overflow, unknown
/// dtype, duplicate names, JSON that is malformed, not UTF-8 or nested too deeply. A tensor that is not aligned to its
/// item size is copied, all others are views into `bytes`, which `owner` keeps alive.
SafetensorsFile read_safetensors(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

/// The bytes of a safetensors file. Every tensor starts at a multiple of 64 bytes from the start of the file: the
/// header ends in spaces, and between tensors stand uint8 tensors named "pyseq.padding.N" (the format allows no holes),
/// which read_safetensors leaves out of its result. A packed tensor is written as the [n] float32 values of its
/// storage. ValueError: names that are not UTF-8, not unique, or reserved by the format.
std::vector<std::byte> write_safetensors(const std::map<std::string, std::string>& metadata,
                                         std::span<const NamedTensor> tensors);

}  // namespace pyseq
