// What the references of a program's functions resolve to: its states, weights and functions by name.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "io/program_spec.h"

namespace pyseq {

using NameTable = std::map<std::string, int, std::less<>>;

struct Symbols {
  const ProgramSpec& program;  // states and weights are complete when functions are read
  NameTable states, weights, functions;
};

}  // namespace pyseq
