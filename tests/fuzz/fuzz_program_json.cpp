// The input is the program's JSON; a valid container with weights is built around it, so that the fuzzer's changes
// reach the program reader.
#include <cstdint>
#include <string>

#include "../cpp/io/sample_program.h"
#include "fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string program(reinterpret_cast<const char*>(data), size);
  std::vector<std::byte> file;
  try {
    file = pyseq::testing::program_file(program);
  } catch (const pyseq::ValueError&) {
    return -1;  // not UTF-8: fuzz_program tries that
  }
  pyseq::fuzz::read_file(file);
  return 0;
}
