// A weight that every user of a loop's body passes as the same constant is read by the body itself, so that it is
// packed when the program is loaded and not in every step.
#include "graph/passes/pass.h"
#include "graph/passes/rewrite.h"
#include "io/loop_ops.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

/// What the users of a function pass for each of its inputs.
struct Passed {
  bool is_used = false, differs = false;
  ValueRef ref;

  void add(const ValueRef& other) {
    differs |= other.kind != Kind::weight || (is_used && other.index != ref.index);
    is_used = true;
    ref = other;
  }
};
using PassedByInput = std::vector<std::vector<Passed>>;  // [function][input]

void note_consts(const NodeSpec& node, int function, int first_input, PassedByInput& passed) {
  const auto states = loop_count(node, "states"), consts = loop_count(node, "consts");
  const auto xs = node.op == "scan" ? loop_count(node, "xs") : 0;
  for (std::int64_t i = 0; i < consts; ++i) passed[function][first_input + i].add(node.inputs[xs + states + i]);
}

PassedByInput collect(const ProgramSpec& program) {
  PassedByInput passed;
  for (const FunctionSpec& function : program.functions) passed.emplace_back(function.inputs.size());
  for (const FunctionSpec& function : program.functions) {
    for (const NodeSpec& node : function.nodes) {
      if (!is_loop(node)) continue;
      const auto states = static_cast<int>(loop_count(node, "states"));
      const auto xs = node.op == "scan" ? static_cast<int>(loop_count(node, "xs")) : 0;
      note_consts(node, node.body, xs + states, passed);
      if (node.until >= 0) note_consts(node, node.until, states, passed);
    }
  }
  // A place that one loop fills with a constant may be a state of another loop.
  for (const FunctionSpec& function : program.functions) {
    for (const NodeSpec& node : function.nodes) {
      if (!is_loop(node)) continue;
      const auto states = loop_count(node, "states");
      const auto xs = node.op == "scan" ? loop_count(node, "xs") : 0;
      for (std::int64_t i = 0; i < xs + states; ++i) passed[node.body][i].differs = true;
      for (std::int64_t i = 0; node.until >= 0 && i < states; ++i) passed[node.until][i].differs = true;
    }
  }
  return passed;
}

/// True when something changed.
bool bind_once(ProgramSpec& program) {
  const PassedByInput passed = collect(program);
  bool changed = false;
  for (std::size_t f = 0; f < program.functions.size(); ++f) {
    std::vector<ValueRef> replacements(program.functions[f].num_values);
    bool any = false;
    for (std::size_t i = 0; i < passed[f].size(); ++i) {
      if (!passed[f][i].is_used || passed[f][i].differs) continue;
      replacements[i] = passed[f][i].ref;
      any = true;
    }
    if (!any) continue;
    for_each_ref(program.functions[f], [&](ValueRef& ref) {
      if (ref.kind != Kind::value || replacements[ref.index].kind == Kind::absent) return;
      ref = replacements[ref.index];
      changed = true;
    });
  }
  return changed;
}

}  // namespace

void bind_loop_constants(ProgramSpec& program) {
  // Each round reaches one level of nesting further.
  for (int level = 0; level < kMaxFunctionNesting && bind_once(program); ++level) {
  }
}

}  // namespace pyseq
