// Dynamic beam allocation (Post & Vilar 2018): candidates that have met as many tokens of the phrases share a bank, and
// banks share the beam, so that hypotheses which are on their way to a phrase do not have to beat those which are not.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pyseq {

/// The order in which candidates, given best first with their banks, get places in a beam: in every round each bank
/// that has candidates left gives its best one, the fullest bank first. However many places there are, banks have
/// equally many; the rest goes to the fuller banks, and what a bank cannot fill to the others.
std::vector<std::size_t> order_by_banks(std::span<const std::int64_t> banks);

}  // namespace pyseq
