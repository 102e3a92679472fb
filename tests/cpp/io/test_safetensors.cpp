#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/packing.h"
#include "io/safetensors.h"
#include "pyseq/error.h"

using namespace pyseq;

namespace {

using Metadata = std::map<std::string, std::string>;

/// A tensor of any type with bytes 0, 1, 2, ... as its data.
Tensor counting(DType dtype, const Shape& shape) {
  Tensor tensor = Tensor::empty(dtype, shape);
  auto* bytes = static_cast<std::uint8_t*>(tensor.mutable_raw());
  for (std::size_t i = 0; i < tensor.num_bytes(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return tensor;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && a.num_bytes() == b.num_bytes() &&
         (a.num_bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.num_bytes()) == 0);
}

std::vector<NamedTensor> sample_tensors() {
  return {{"weight", counting(DType::float32, {3, 5})}, {"ids", counting(DType::int64, {7})},
          {"empty", counting(DType::float32, {0, 4})},  {"scalar", counting(DType::int32, Shape{})},
          {"bytes", counting(DType::uint8, {13})},      {"half", counting(DType::bfloat16, {3})},
          {"small", counting(DType::int8, {1, 1, 2})},  {"na\u00EFve \"name\"", counting(DType::float32, {1})}};
}

/// Where a file's data begins.
std::size_t data_begin(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  return 8 + length;
}

}  // namespace

TEST_CASE("what is written is read: types, shapes, order, metadata") {
  const Metadata metadata{{"format", "pyseq"}, {"text", "line\n\"quoted\" \u20AC"}};
  const std::vector<NamedTensor> tensors = sample_tensors();
  const std::vector<std::byte> bytes = write_safetensors(metadata, tensors);
  const SafetensorsFile file = read_safetensors(bytes, nullptr);
  CHECK(file.metadata == metadata);
  REQUIRE(file.tensors.size() == tensors.size());
  // An empty tensor takes no room, so that it may come before or after its neighbour: compare by name.
  for (const NamedTensor& expected : tensors) {
    const auto found = std::find_if(file.tensors.begin(), file.tensors.end(),
                                    [&](const NamedTensor& read) { return read.name == expected.name; });
    REQUIRE(found != file.tensors.end());
    CHECK_MESSAGE(same(found->tensor, expected.tensor), expected.name);
  }
  CHECK(file.tensors.front().name == "weight");
  CHECK(file.tensors.back().name == "na\u00EFve \"name\"");
}

TEST_CASE("tensors start at multiples of 64 bytes and are views into the file") {
  const std::vector<std::byte> bytes = write_safetensors({}, sample_tensors());
  const auto* begin = bytes.data();
  CHECK(data_begin(bytes) % 64 == 0);
  const SafetensorsFile file = read_safetensors(bytes, nullptr);
  for (const NamedTensor& read : file.tensors) {
    const auto offset = static_cast<const std::byte*>(read.tensor.raw()) - begin;
    CAPTURE(read.name);
    CHECK(offset >= 0);
    CHECK(offset <= static_cast<std::ptrdiff_t>(bytes.size()));
    CHECK(offset % 64 == 0);
  }
}

TEST_CASE("a file without tensors") {
  const SafetensorsFile file = read_safetensors(write_safetensors({{"a", "b"}}, {}), nullptr);
  CHECK(file.tensors.empty());
  CHECK(file.metadata.at("a") == "b");
}

TEST_CASE("data that is not aligned to its items is copied, bytes are not") {
  const std::vector<NamedTensor> tensors = sample_tensors();
  const std::vector<std::byte> bytes = write_safetensors({}, tensors);
  std::vector<std::byte> shifted(bytes.size() + 1);  // every tensor now starts at an odd address
  std::memcpy(shifted.data() + 1, bytes.data(), bytes.size());
  const std::span<const std::byte> view(shifted.data() + 1, bytes.size());
  for (const NamedTensor& read : read_safetensors(view, nullptr).tensors) {
    const auto address = reinterpret_cast<std::uintptr_t>(read.tensor.raw());
    const auto* raw = static_cast<const std::byte*>(read.tensor.raw());
    const bool is_view = raw >= view.data() && raw <= view.data() + view.size();
    CAPTURE(read.name);
    CHECK(address % item_size(read.tensor.dtype()) == 0);
    CHECK(is_view == (item_size(read.tensor.dtype()) == 1));
    for (const NamedTensor& expected : tensors) {
      if (expected.name == read.name) CHECK(same(read.tensor, expected.tensor));
    }
  }
}

TEST_CASE("tensors keep the file's bytes alive") {
  auto bytes = std::make_shared<std::vector<std::byte>>(write_safetensors({}, sample_tensors()));
  const std::weak_ptr<std::vector<std::byte>> watch = bytes;
  {
    const Tensor weight = read_safetensors(*bytes, bytes).tensors.front().tensor;
    bytes.reset();
    CHECK_FALSE(watch.expired());
    CHECK(same(weight, counting(DType::float32, {3, 5})));
  }
  CHECK(watch.expired());
}

TEST_CASE("a packed tensor is stored as it lies in memory") {
  const Tensor packed = pack_weight(counting(DType::float32, {6, 5}), 3);
  const std::vector<NamedTensor> tensors{{"packed", packed}};
  const std::vector<std::byte> bytes = write_safetensors({}, tensors);
  const Tensor stored = read_safetensors(bytes, nullptr).tensors.front().tensor;
  CHECK(stored.shape() == Shape{packed_size(2, 3, 5)});
  CHECK(std::memcmp(stored.raw(), packed.raw(), packed.num_bytes()) == 0);
}

TEST_CASE("names that the format cannot hold are refused") {
  const Tensor tensor = counting(DType::float32, {1});
  const auto write = [](std::vector<NamedTensor> tensors) { write_safetensors({}, tensors); };
  CHECK_THROWS_AS(write({{"a", tensor}, {"a", tensor}}), ValueError);
  CHECK_THROWS_AS(write({{"__metadata__", tensor}}), ValueError);
  CHECK_THROWS_AS(write({{"pyseq.padding.0", tensor}}), ValueError);
  CHECK_THROWS_AS(write({{"\xFF", tensor}}), ValueError);
  CHECK_THROWS_AS(write({{"undefined", Tensor()}}), ValueError);
  CHECK_THROWS_AS(write_safetensors({{"key", "\xFF"}}, {}), ValueError);
}
