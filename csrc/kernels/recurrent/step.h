// recurrent_step_*: product and cell, block by block; recurrent_cell: the cell alone, on finished gates.
#pragma once

#include "kernels/recurrent/cells.h"
#include "kernels/recurrent/product.h"

namespace pyseq {
namespace {

/// So many panels at a time keep enough sums in flight for one row.
constexpr std::int64_t kPanelsInFlight = 4;

/// Product and cell of the blocks [first, last), which are all whole when they are several.
template <typename Product, int PerGroup, typename Sums>
void run_blocks(const RecurrentStep& step, std::int64_t first, std::int64_t last) {
  const UnitBlock block = unit_block(step.hidden, step.gates, first);
  const bool all_gates = step.last_gate - step.first_gate == step.gates;
  const std::int64_t column = block.column + step.first_gate * block.width;
  const std::int64_t panels = all_gates ? (last - first) * step.gates : step.last_gate - step.first_gate;
  multiply_run<Product, PerGroup>(step, {column, panels, block.width});
  for (std::int64_t b = first; b < last; ++b) run_cell<Sums>(step, unit_block(step.hidden, step.gates, b));
}

template <typename Product, int PerGroup, typename Sums>
void run_step(const RecurrentStep& step) {
  const bool all_gates = step.last_gate - step.first_gate == step.gates;
  const std::int64_t at_once = all_gates && step.gates < kPanelsInFlight ? kPanelsInFlight / step.gates : 1;
  const std::int64_t whole = step.hidden / kBlockUnits;  // blocks behind it are narrower
  const std::int64_t blocks = step.last_block - step.first_block;
  const std::int64_t groups = (blocks + at_once - 1) / at_once;
  for (std::int64_t i = 0; i < groups; ++i) {
    const std::int64_t first = step.first_block + (step.backwards ? groups - 1 - i : i) * at_once;
    const std::int64_t last = smaller(first + at_once, step.last_block);
    const std::int64_t last_whole = smaller(last, whole);
    if (last_whole > first) run_blocks<Product, PerGroup, Sums>(step, first, last_whole);
    if (last > last_whole) run_blocks<Product, PerGroup, Sums>(step, last - 1, last);
  }
}

void recurrent_step_f32(const RecurrentStep* step) {
  run_step<Float32Product, 1, FloatSums>(*step);
}
void recurrent_step_bf16(const RecurrentStep* step) {
  run_step<Bfloat16Product, 2, FloatSums>(*step);
}
void recurrent_step_int8(const RecurrentStep* step) {
  run_step<Int8Product, 4, Int8Sums>(*step);
}

void recurrent_cell(const RecurrentStep* step) {
  for (std::int64_t b = step->first_block; b < step->last_block; ++b) {
    run_cell<FloatSums>(*step, unit_block(step->hidden, step->gates, b));
  }
}

}  // namespace
}  // namespace pyseq
