// The input is a whole program file.
#include <cstdint>

#include "fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pyseq::fuzz::read_file(std::as_bytes(std::span(data, size)));
  return 0;
}
