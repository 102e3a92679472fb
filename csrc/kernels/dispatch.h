// Which tier's kernel table is in use.
#pragma once

#include "kernels/table.h"

namespace pyseq {

/// The table of the active tier. The first call reads PYSEQ_ISA (UnsupportedError: a tier that is absent).
const KernelTable& kernels();

}  // namespace pyseq
