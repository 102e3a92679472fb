// The handle of a program.
#pragma once

#include <memory>

#include "capi/guard.h"
#include "pyseq/program.h"

struct pyseq_program {
  std::shared_ptr<const pyseq::Program> program;
};
