// Running scan and repeat: a body function once per step (docs/architecture.md, Program file).
#pragma once

#include <cstddef>
#include <span>

#include "graph/executor.h"

namespace pyseq {

/// `memory` holds plan.bytes. The result for a row does not depend on the other rows of the batch.
void run_loop(const CompiledNode& node, const LoopPlan& plan, std::span<const Tensor> inputs, std::span<Tensor> outputs,
              std::byte* memory, Executor& executor);

}  // namespace pyseq
