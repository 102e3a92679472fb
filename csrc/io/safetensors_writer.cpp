#include <cstring>
#include <set>

#include <nlohmann/json.hpp>

#include "io/safetensors.h"
#include "io/safetensors_layout.h"

namespace pyseq {
namespace {

using namespace safetensors;

constexpr std::size_t kAlignment = 64;  // a cache line: kernels read packed weights in place

constexpr std::size_t aligned(std::size_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

std::string_view dtype_code(DType dtype) {
  for (const DTypeCode& known : kDTypeCodes) {
    if (known.dtype == dtype) return known.code;
  }
  throw ValueError(std::string("safetensors: cannot store ") + dtype_name(dtype));
}

void check_names(std::span<const NamedTensor> tensors) {
  std::set<std::string_view> seen;
  for (const auto& [name, tensor] : tensors) {
    if (name == kMetadataKey || name.starts_with(kPaddingPrefix)) {
      throw ValueError("safetensors: '" + name + "' is reserved and cannot name a tensor");
    }
    if (!seen.insert(name).second) throw ValueError("safetensors: two tensors are named '" + name + "'");
    if (!tensor.defined()) throw ValueError("safetensors: tensor '" + name + "' is undefined");
  }
}

nlohmann::ordered_json entry(std::string_view code, const Shape& shape, std::size_t begin, std::size_t end) {
  return {{"dtype", code}, {"shape", std::vector(shape.begin(), shape.end())}, {"data_offsets", {begin, end}}};
}

/// The header's JSON, and where each tensor's data begins.
struct Plan {
  nlohmann::ordered_json header;
  std::vector<std::size_t> begins;
  std::size_t data_size = 0;
};

Plan plan_layout(const std::map<std::string, std::string>& metadata, std::span<const NamedTensor> tensors) {
  Plan plan;
  plan.header = nlohmann::ordered_json::object();
  if (!metadata.empty()) plan.header[std::string(kMetadataKey)] = metadata;
  std::size_t end = 0;
  std::size_t paddings = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t begin = aligned(end);
    if (begin > end) {
      const Shape gap{static_cast<std::int64_t>(begin - end)};
      plan.header[std::string(kPaddingPrefix) + std::to_string(paddings++)] = entry("U8", gap, end, begin);
    }
    end = begin + tensor.num_bytes();
    const auto stored = static_cast<std::int64_t>(tensor.num_bytes() / item_size(tensor.dtype()));
    const Shape shape = tensor.is_packed() ? Shape{stored} : tensor.shape();
    plan.header[name] = entry(dtype_code(tensor.dtype()), shape, begin, end);
    plan.begins.push_back(begin);
  }
  plan.data_size = end;
  return plan;
}

/// The header as stored: ended by spaces, so that the data after it is aligned.
std::string header_text(const nlohmann::ordered_json& header) {
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw ValueError("safetensors: a name or a metadata text is not UTF-8");
  }
  text.resize(aligned(kLengthBytes + text.size()) - kLengthBytes, ' ');
  if (text.size() > kMaxHeaderBytes) {
    throw ValueError("safetensors: the header has " + std::to_string(text.size()) + " bytes, expected at most " +
                     std::to_string(kMaxHeaderBytes));
  }
  return text;
}

}  // namespace

std::vector<std::byte> write_safetensors(const std::map<std::string, std::string>& metadata,
                                         std::span<const NamedTensor> tensors) {
  check_names(tensors);
  const Plan plan = plan_layout(metadata, tensors);
  const std::string header = header_text(plan.header);

  std::vector<std::byte> bytes(kLengthBytes + header.size() + plan.data_size);  // zeros: the padding
  for (std::size_t i = 0; i < kLengthBytes; ++i) bytes[i] = static_cast<std::byte>(header.size() >> (8 * i));
  std::memcpy(bytes.data() + kLengthBytes, header.data(), header.size());
  std::byte* data = bytes.data() + kLengthBytes + header.size();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = tensors[i].tensor;
    if (tensor.num_bytes() > 0) std::memcpy(data + plan.begins[i], tensor.raw(), tensor.num_bytes());
  }
  return bytes;
}

}  // namespace pyseq
