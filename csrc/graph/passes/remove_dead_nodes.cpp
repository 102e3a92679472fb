// Nodes whose values nobody reads go away. Those that append to a cache stay, and those whose optional outputs a
// capture may ask for.
#include <algorithm>

#include "graph/passes/pass.h"
#include "graph/passes/rewrite.h"

namespace pyseq {
namespace {

bool matters_by_itself(const NodeSpec& node) {
  if (is_loop(node)) return false;
  const OpDef& op = find_op(node.op);
  const auto is_cache = [](const InputDef& input) { return input.kind == InputKind::cache; };
  const auto is_optional = [](const OutputDef& output) { return output.optional; };
  return std::any_of(op.inputs.begin(), op.inputs.end(), is_cache) ||
         std::any_of(op.outputs.begin(), op.outputs.end(), is_optional);
}

void remove_dead_nodes(FunctionSpec& function) {
  std::vector<int> uses = count_uses(function);
  std::vector<char> dead(function.nodes.size(), 0);
  for (std::size_t i = function.nodes.size(); i-- > 0;) {
    NodeSpec& node = function.nodes[i];
    const auto is_read = [&](int value) { return value >= 0 && uses[value] > 0; };
    if (matters_by_itself(node) || std::any_of(node.outputs.begin(), node.outputs.end(), is_read)) continue;
    dead[i] = 1;
    for_each_ref(node, [&](ValueRef& ref) {
      if (ref.kind == ValueRef::Kind::value) --uses[ref.index];
    });
  }
  remove_nodes(function, dead);
}

}  // namespace

void remove_dead_nodes(ProgramSpec& program) {
  for (FunctionSpec& function : program.functions) remove_dead_nodes(function);
}

}  // namespace pyseq
