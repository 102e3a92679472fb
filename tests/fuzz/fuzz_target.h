// What every target does with a file: read it as a program. Refusing it is fine, anything else is a crash.
#pragma once

#include <cstddef>
#include <new>
#include <span>

#include "io/program_file.h"
#include "pyseq/error.h"

namespace pyseq::fuzz {

inline void read_file(std::span<const std::byte> file) {
  try {
    read_program(file, nullptr);
  } catch (const Error&) {
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace pyseq::fuzz
