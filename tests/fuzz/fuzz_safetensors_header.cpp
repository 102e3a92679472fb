// The input is the header of a safetensors file; its length goes before it and the sample's data behind it, so that the
// fuzzer's changes reach the checks of the tensors.
#include <cstdint>
#include <cstring>
#include <vector>

#include "../cpp/io/sample_program.h"
#include "fuzz_target.h"

namespace {

/// The sample's tensors and the padding between them.
std::vector<std::byte> sample_data() {
  const std::vector<std::byte> file = pyseq::testing::program_file("{}");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  return {file.begin() + 8 + static_cast<std::ptrdiff_t>(length), file.end()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::byte> tensors = sample_data();
  const std::uint64_t length = size;
  std::vector<std::byte> file(8 + size);
  std::memcpy(file.data(), &length, 8);
  if (size > 0) std::memcpy(file.data() + 8, data, size);
  file.insert(file.end(), tensors.begin(), tensors.end());
  pyseq::fuzz::read_file(file);
  return 0;
}
