// The input is the arrays of the binary form; the sample's header stands before them, so that the fuzzer's changes
// reach what follows the numbers of nodes.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "ngram_target.h"

namespace {

std::vector<std::byte> sample() {
  const std::string text = pyseq::fuzz::kSampleArpa;
  return pyseq::NgramModel::read(std::as_bytes(std::span(text)), nullptr, "sample")->to_bytes();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::byte> good = sample();
  std::vector<std::byte> file = good;
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), 8);
  const std::size_t begin = 8 + header;
  std::memcpy(file.data() + begin, data, std::min(size, file.size() - begin));
  pyseq::fuzz::read_ngrams(file);
  return 0;
}
