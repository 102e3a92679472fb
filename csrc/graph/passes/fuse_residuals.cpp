// linear, then add of its result (read by nothing else) and a value of the same shape -> linear with a residual, which
// is added with the same rounding.
#include <algorithm>

#include "graph/passes/pass.h"
#include "graph/passes/rewrite.h"
#include "graph/passes/symbolic_shapes.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

constexpr int kLinearResidual = 3;

class ResidualFusion {
 public:
  ResidualFusion(const ProgramSpec& program, FunctionSpec& function)
      : function_(function),
        shapes_(symbolic_shapes(program, function)),
        uses_(count_uses(function)),
        producers_(find_producers(function)),
        fused_(function.nodes.size(), 0) {}

  void run() {
    for (NodeSpec& node : function_.nodes) {
      if (node.op != "add" || !have_one_shape(node.inputs[0], node.inputs[1])) continue;
      // Of two linears, the later one takes the other's result.
      const int a = linear_behind(node.inputs[0]), b = linear_behind(node.inputs[1]);
      if (a >= 0 || b >= 0) fuse(node, a > b ? 0 : 1, std::max(a, b));
    }
    remove_nodes(function_, fused_);
  }

 private:
  bool have_one_shape(const ValueRef& a, const ValueRef& b) const {
    return a.kind == Kind::value && b.kind == Kind::value && shapes_[a.index] == shapes_[b.index];
  }

  /// The node of a linear that gives a value for one reader and adds nothing yet; -1: there is none.
  int linear_behind(const ValueRef& ref) const {
    const int producer = producers_[ref.index];
    if (producer < 0 || uses_[ref.index] != 1 || fused_[producer]) return -1;
    const NodeSpec& node = function_.nodes[producer];
    return node.op == "linear" && node.inputs[kLinearResidual].kind == Kind::absent ? producer : -1;
  }

  void fuse(NodeSpec& add, int place, int producer) {
    NodeSpec whole = function_.nodes[producer];
    whole.inputs[kLinearResidual] = add.inputs[1 - place];
    whole.outputs = add.outputs;
    fused_[producer] = 1;
    add = std::move(whole);
  }

  FunctionSpec& function_;
  std::vector<SymbolicShape> shapes_;
  std::vector<int> uses_, producers_;
  std::vector<char> fused_;
};

}  // namespace

void fuse_residuals(ProgramSpec& program) {
  for (FunctionSpec& function : program.functions) ResidualFusion(program, function).run();
}

}  // namespace pyseq
