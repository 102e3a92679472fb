#include <cmath>
#include <string>

#include "pyseq/decode.h"

namespace pyseq {

void DecodingOptions::validate(std::int64_t vocabulary_size) const {
  const auto require = [](bool holds, const char* option, const std::string& got, const std::string& expected) {
    if (!holds) throw ValueError(std::string("decoding options: ") + option + " is " + got + ", expected " + expected);
  };
  const double finished = std::round(beam_size * patience);
  require(beam_size >= 1, "beam_size", std::to_string(beam_size), "at least 1");
  require(n_best >= 1 && n_best <= beam_size, "n_best", std::to_string(n_best),
          "1 to beam_size (" + std::to_string(beam_size) + ")");
  require(std::isfinite(length_penalty), "length_penalty", std::to_string(length_penalty), "a finite number");
  require(std::isfinite(patience) && patience > 0, "patience", std::to_string(patience), "a positive number");
  require(beam_size == 1 || n_best <= finished, "n_best", std::to_string(n_best),
          "at most beam_size * patience (" + std::to_string(static_cast<std::int64_t>(finished)) + ")");
  require(min_length >= 0, "min_length", std::to_string(min_length), "0 or more");
  require(max_length >= 0, "max_length", std::to_string(max_length), "0 (the default) or more");
  require(max_length == 0 || min_length <= max_length, "min_length", std::to_string(min_length),
          "at most max_length (" + std::to_string(max_length) + ")");
  require(min_length == 0 || vocabulary_size != 1, "min_length", std::to_string(min_length),
          "0 when the end mark is the whole vocabulary");
}

}  // namespace pyseq
