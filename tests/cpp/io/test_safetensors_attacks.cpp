// Damaged and hostile safetensors files: each gives FormatError with a message that says what is wrong.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "expect_format_error.h"
#include "io/safetensors.h"

using namespace pyseq;
using pyseq::testing::expect_format_error;
using pyseq::testing::format_error_of;

namespace {

/// A file with this header and `data_size` bytes of data.
std::vector<std::byte> file_with(const std::string& header, std::size_t data_size, std::uint64_t length) {
  std::vector<std::byte> bytes(8 + header.size() + data_size);
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

void read(const std::string& header, std::size_t data_size) {
  read_safetensors(file_with(header, data_size, header.size()), nullptr);
}

struct Attack {
  const char* header;
  std::size_t data_size;
  const char* telling;
};

}  // namespace

TEST_CASE("headers that lie") {
  const Attack attacks[] = {
      {"", 0, "malformed JSON"},
      {"[]", 0, "not a JSON object"},
      {"{", 0, "malformed JSON"},
      {R"({"a": 1})", 0, "tensor 'a': JSON is of type number"},
      {R"({"__metadata__": 1})", 0, "__metadata__ is not an object"},
      {R"({"__metadata__": {"a": 1}})", 0, "metadata 'a' is of type number"},
      {R"({"__metadata__": {"a": "1", "a": "2"}})", 0, "'a' stands twice"},
      {R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, "'dtype' is missing"},
      {R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "'shape' is missing"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", 4, "'data_offsets' is missing"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}})", 4, "unknown key 'more'"},
      {R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8, "unsupported dtype 'F64'"},
      {R"({"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}})", 2, "unsupported dtype 'F16'"},
      {R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", 1, "unsupported dtype 'BOOL'"},
      {R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", 1, "'dtype' is of type number"},
      {R"({"a":{"dtype":"F32","shape":4,"data_offsets":[0,4]}})", 4, "expected a list of sizes"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "shape has a size that is -1"},
      {R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "expected an integer"},
      {R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", 4, "expected an integer"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", 4, "rank 9"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "overflows"},
      {R"({"a":{"dtype":"I64","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0, "overflows"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551617],"data_offsets":[0,4]}})", 4, "expected an integer"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "hold 4 bytes, but float32 [2] takes 8"},
      {R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,0]}})", 0, "takes 4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 4, "data_offsets has 3 entries"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", 4, "data_offsets is -4"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "end before they begin"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4, "outside the data"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775803,9223372036854775807]}})", 4,
       "outside the data"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
           "b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "tensor 'b' overlaps"},
      {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
       4, "tensor 'b' overlaps"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
       4, "hole of 1 bytes before tensor 'b'"},
      {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}})", 4, "hole of 1 bytes before tensor 'a'"},
      {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", 4, "1 bytes after the last tensor"},
      {"{}", 1, "1 bytes after the last tensor"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
       2, "'a' stands twice"},
      {R"({"pyseq.padding.0":{"dtype":"U8","shape":[1],"data_offsets":[0,2]}})", 2, "'pyseq.padding.0'"},
      {"{\"\xFF\":1}", 0, "not UTF-8"},
  };
  for (const Attack& attack : attacks) {
    INFO(std::string(attack.header));
    expect_format_error(attack.telling, [&] { read(attack.header, attack.data_size); });
  }
}

TEST_CASE("nested headers do not exhaust the stack") {
  for (const std::size_t depth : {100u, 100'000u}) {
    std::string header;
    for (std::size_t i = 0; i < depth; ++i) header += "{\"a\":";
    expect_format_error("nested deeper", [&] { read(header, 0); });
    expect_format_error("nested deeper", [&] { read("{\"a\":" + std::string(depth, '['), 0); });
  }
}

TEST_CASE("header lengths that lie") {
  const std::uint64_t lengths[] = {3, 4, 1000, 100'000'000, 100'000'001, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX / 2};
  for (const std::uint64_t length : lengths) {
    CAPTURE(length);
    const char* telling = length > 100'000'000 ? "not a safetensors file" : "cut short";
    expect_format_error(telling, [&] { read_safetensors(file_with("{}", 0, length), nullptr); });
  }
  expect_format_error("malformed JSON", [] { read_safetensors(file_with("{}", 0, 1), nullptr); });
}

TEST_CASE("a file cut at any byte is refused") {
  const Tensor values = Tensor::from<float>({2, 2}, {1, 2, 3, 4});
  const std::vector<NamedTensor> tensors{{"a", values}, {"b", values}};
  const std::vector<std::byte> whole = write_safetensors({{"format", "pyseq"}}, tensors);
  REQUIRE(read_safetensors(whole, nullptr).tensors.size() == 2);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    // A block of exactly this size, so that a sanitizer sees reads beyond it.
    const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const std::string message = format_error_of([&] { read_safetensors(cut, nullptr); });
    CHECK(message.find("cut short") != std::string::npos);
  }
}

TEST_CASE("a changed byte never does more than raise FormatError") {
  const Tensor values = Tensor::from<float>({2}, {1, 2});
  const std::vector<NamedTensor> tensors{{"a", values}};
  const std::vector<std::byte> whole = write_safetensors({{"k", "v"}}, tensors);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::vector<std::byte> changed = whole;
      changed[i] = static_cast<std::byte>(value);
      try {
        read_safetensors(changed, nullptr);
      } catch (const FormatError&) {
        continue;
      } catch (const std::exception& error) {
        FAIL_CHECK("byte " << i << " = " << value << ": " << error.what());
      }
    }
  }
}
