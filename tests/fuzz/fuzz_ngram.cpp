// The input is a whole file: an ARPA file or the binary form.
#include <cstdint>

#include "ngram_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pyseq::fuzz::read_ngrams(std::as_bytes(std::span(data, size)));
  return 0;
}
