// What ops do with the steps of a ragged batch [batch, time, ...]: which look at a step alone, which at valid ones
// only.
#pragma once

#include <cstddef>

#include "io/program_spec.h"

namespace pyseq {

inline bool same_ref(const ValueRef& a, const ValueRef& b) {
  return a.kind == b.kind && a.index == b.index;
}

/// How a node computes packed steps.
enum class PackedForm {
  none,
  one_sequence,  // as one sequence of all valid steps: a step's place does not matter
  row_lengths,   // it has an input that says where each row stands
};
PackedForm packed_form(const NodeSpec& node);

/// Whether a step of input `input` decides, of what the node gives, about the same step of its outputs alone.
bool goes_step_by_step(const NodeSpec& node, std::size_t input);

/// The lengths beyond which the node does not look at input `input`; absent when it looks at all steps.
ValueRef mask_of(const NodeSpec& node, std::size_t input);

/// Whether mask_of(node, input), when there is one, says that the input is [batch, time, features].
bool has_rank_three(const NodeSpec& node);

/// The index of an input by its name; -1: the op has none of that name.
int input_named(const NodeSpec& node, std::string_view name);

}  // namespace pyseq
