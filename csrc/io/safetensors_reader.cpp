#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "io/json_reader.h"
#include "io/safetensors.h"
#include "io/safetensors_layout.h"

namespace pyseq {
namespace {

using namespace safetensors;

constexpr std::string_view kWhere = "safetensors";

/// One tensor as the header describes it; begin and end count from the start of the data.
struct Entry {
  std::string name;
  DType dtype = DType::float32;
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

std::string_view header_text(std::span<const std::byte> bytes) {
  if (bytes.size() < kLengthBytes) {
    throw_format(kWhere, "the file is cut short: " + std::to_string(bytes.size()) + " bytes");
  }
  const std::uint64_t length = little_endian(bytes);
  if (length > kMaxHeaderBytes) {
    throw_format(kWhere, "not a safetensors file: the header length is " + std::to_string(length) +
                             ", expected at most " + std::to_string(kMaxHeaderBytes));
  }
  if (length > bytes.size() - kLengthBytes) {
    throw_format(kWhere, "the file is cut short: the header has " + std::to_string(length) + " bytes, " +
                             std::to_string(bytes.size() - kLengthBytes) + " follow");
  }
  return {reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, static_cast<std::size_t>(length)};
}

std::map<std::string, std::string> read_metadata(const Json& value) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) throw_format(kWhere, "__metadata__ is not an object");
  for (const auto& [key, text] : value.get_ref<const Json::object_t&>()) {
    metadata.emplace(key, read_text(text, kWhere, "metadata " + in_quotes(key)));
  }
  return metadata;
}

DType read_dtype(const ObjectReader& fields) {
  const std::string& code = fields.text("dtype");
  for (const DTypeCode& known : kDTypeCodes) {
    if (known.code == code) return known.dtype;
  }
  throw_format(fields.where(), "unsupported dtype " + in_quotes(code));
}

Entry read_entry(const std::string& name, const Json& value, std::uint64_t data_size) {
  const ObjectReader fields(value, "safetensors: tensor " + in_quotes(name));
  fields.allow_only({"dtype", "shape", "data_offsets"});
  Entry entry;
  entry.name = name;
  entry.dtype = read_dtype(fields);
  entry.shape = Shape(read_sizes(fields.field("shape"), fields.where(), "shape"));

  const Json::array_t& offsets = fields.list("data_offsets");
  if (offsets.size() != 2)
    throw_format(fields.where(), "data_offsets has " + std::to_string(offsets.size()) + " entries, expected 2");
  entry.begin = static_cast<std::uint64_t>(read_integer(offsets[0], fields.where(), "data_offsets", 0));
  entry.end = static_cast<std::uint64_t>(read_integer(offsets[1], fields.where(), "data_offsets", 0));
  const std::string range = "data_offsets [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
  if (entry.begin > entry.end) throw_format(fields.where(), range + " end before they begin");
  if (entry.end > data_size) {
    throw_format(fields.where(), range + " are outside the data: it has " + std::to_string(data_size) +
                                     " bytes (is the file cut short?)");
  }
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(entry.shape.num_elements(), static_cast<std::int64_t>(item_size(entry.dtype)), &bytes)) {
    throw_format(fields.where(), "shape " + entry.shape.to_string() + " overflows: more than 2^63 bytes");
  }
  if (static_cast<std::uint64_t>(bytes) != entry.end - entry.begin) {
    throw_format(fields.where(), range + " hold " + std::to_string(entry.end - entry.begin) + " bytes, but " +
                                     dtype_name(entry.dtype) + " " + entry.shape.to_string() + " takes " +
                                     std::to_string(bytes));
  }
  return entry;
}

/// Sorts the entries by their place in the file and checks that they fill the data without overlaps or holes.
void sort_and_check_layout(std::vector<Entry>& entries, std::uint64_t data_size) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t filled = 0;
  for (const Entry& entry : entries) {
    if (entry.begin < filled) throw_format(kWhere, "tensor " + in_quotes(entry.name) + " overlaps the one before it");
    if (entry.begin > filled) {
      throw_format(kWhere, "a hole of " + std::to_string(entry.begin - filled) + " bytes before tensor " +
                               in_quotes(entry.name));
    }
    filled = entry.end;
  }
  if (filled != data_size) {
    throw_format(kWhere, std::to_string(data_size - filled) + " bytes after the last tensor belong to nothing");
  }
}

/// A view into the file, or a copy when the data is not aligned to its items (files of other writers).
Tensor make_tensor(const Entry& entry, std::span<const std::byte> data, const std::shared_ptr<const void>& owner) {
  const std::byte* begin = data.data() + entry.begin;
  if (reinterpret_cast<std::uintptr_t>(begin) % item_size(entry.dtype) == 0) {
    return Tensor::constant_view(entry.dtype, entry.shape, begin, owner);
  }
  Tensor copy = Tensor::empty(entry.dtype, entry.shape);
  if (entry.end > entry.begin) std::memcpy(copy.mutable_raw(), begin, entry.end - entry.begin);
  return copy;
}

}  // namespace

SafetensorsFile read_safetensors(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  const std::string_view text = header_text(bytes);
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + text.size());
  const Json header = parse_json(text, "safetensors: header");
  if (!header.is_object()) throw_format(kWhere, "the header is not a JSON object");

  SafetensorsFile file;
  std::vector<Entry> entries;
  for (const auto& [key, value] : header.get_ref<const Json::object_t&>()) {
    if (key == kMetadataKey) {
      file.metadata = read_metadata(value);
    } else {
      entries.push_back(read_entry(key, value, data.size()));
    }
  }
  sort_and_check_layout(entries, data.size());
  for (const Entry& entry : entries) {
    if (entry.name.starts_with(kPaddingPrefix)) continue;
    file.tensors.push_back({entry.name, make_tensor(entry, data, owner)});
  }
  return file;
}

}  // namespace pyseq
