// Token automata as Python holds them.
#pragma once

#include <memory>
#include <vector>

#include "bind/bind.h"
#include "pyseq/constraints.h"

namespace pyseq {

struct PyTokenAutomaton {
  std::shared_ptr<const TokenAutomaton> automaton;
};

std::vector<PyTokenAutomaton> as_python(const std::vector<std::shared_ptr<const TokenAutomaton>>& automata);
std::vector<std::shared_ptr<const TokenAutomaton>> as_core(const std::vector<PyTokenAutomaton>& automata);

}  // namespace pyseq
