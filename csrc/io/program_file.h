// Reading a program file: safetensors with the program as JSON in its metadata (docs/architecture.md, Program file).
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "io/program_spec.h"

namespace pyseq {

/// FormatError names the first problem. Tensors are views into `bytes`, kept alive by `owner`. Takes time in proportion
/// to the header and at most about 40 times its size in memory, beside copies of tensors that lie unaligned.
ProgramSpec read_program(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

}  // namespace pyseq
