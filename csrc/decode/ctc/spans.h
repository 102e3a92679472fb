// Tokens that belong together.
#pragma once

#include <cstddef>
#include <span>

#include "pyseq/ctc.h"

namespace pyseq {

/// Tokens [first, last), at least one.
CtcSpan ctc_span(std::span<const CtcToken> tokens, std::size_t first, std::size_t last);

}  // namespace pyseq
