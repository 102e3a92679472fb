// Measuring: profiles of programs, and the limits of the machine.
#pragma once

#include "bind/bind.h"

namespace pyseq {

void bind_profile(py::module_& module);
void bind_machine_limits(py::module_& module);

}  // namespace pyseq
