// linear, then relu, tanh, sigmoid, silu or gelu of its result alone -> linear with that activation, which rounds
// alike.
#include "graph/passes/pass.h"
#include "graph/passes/rewrite.h"

namespace pyseq {
namespace {

constexpr int kLinearResidual = 3;

/// The name of an activation op among linear's activations; empty for other ops.
std::string activation_of(const NodeSpec& node) {
  if (node.op == "relu" || node.op == "tanh" || node.op == "sigmoid" || node.op == "silu") return node.op;
  if (node.op != "gelu") return {};
  const std::string* approximate = text_attribute(node, "approximate");
  if (approximate == nullptr || *approximate == "none") return "gelu";
  return *approximate == "tanh" ? "gelu_tanh" : "";
}

bool has_activation(const NodeSpec& linear) {
  const std::string* activation = text_attribute(linear, "activation");
  return activation != nullptr && *activation != "none";
}

void fuse_activations(FunctionSpec& function) {
  const std::vector<int> uses = count_uses(function), producers = find_producers(function);
  std::vector<char> fused(function.nodes.size(), 0);
  for (NodeSpec& node : function.nodes) {
    std::string activation = activation_of(node);
    if (activation.empty() || node.inputs[0].kind != ValueRef::Kind::value) continue;
    const int value = node.inputs[0].index;
    if (uses[value] != 1 || producers[value] < 0) continue;
    const NodeSpec& linear = function.nodes[producers[value]];
    const bool is_plain = linear.op == "linear" && !has_activation(linear) &&
                          linear.inputs[kLinearResidual].kind == ValueRef::Kind::absent;
    if (!is_plain) continue;
    fused[producers[value]] = 1;
    NodeSpec whole = linear;
    whole.outputs = node.outputs;
    set_text_attribute(whole, "activation", std::move(activation));
    node = std::move(whole);
  }
  remove_nodes(function, fused);
}

}  // namespace

void fuse_activations(ProgramSpec& program) {
  for (FunctionSpec& function : program.functions) fuse_activations(function);
}

}  // namespace pyseq
