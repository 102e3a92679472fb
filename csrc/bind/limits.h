// Deadlines, cancellation and Ctrl-C for calls that compute without the GIL.
#pragma once

#include <optional>

#include "bind/bind.h"
#include "pyseq/runtime.h"

namespace pyseq {

/// `deadline` in seconds from now (None: no limit), `cancel` may be null. A pending signal, looked for every 50 ms,
/// stops the call with the exception of its Python handler (KeyboardInterrupt).
RunLimits make_limits(std::optional<double> deadline, const CancelToken* cancel);

}  // namespace pyseq
