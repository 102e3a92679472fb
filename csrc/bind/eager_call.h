// The door of eager calls, written against Python's C interface: a call on small arrays costs about a microsecond.
#pragma once

#include "bind/bind.h"

namespace pyseq {

/// Adds `call_op`, which pyseq.tensor.apply stands on.
void bind_eager_call(py::module_& module);

}  // namespace pyseq
