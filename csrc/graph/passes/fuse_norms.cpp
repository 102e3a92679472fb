// add of two values of the same shape, then layer_norm or rms_norm of the sum -> add_layer_norm or add_rms_norm, which
// round alike and give the sum as well, for whatever else reads it.
#include <utility>

#include "graph/passes/pass.h"
#include "graph/passes/rewrite.h"
#include "graph/passes/symbolic_shapes.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

class NormFusion {
 public:
  NormFusion(const ProgramSpec& program, FunctionSpec& function)
      : function_(function),
        shapes_(symbolic_shapes(program, function)),
        producers_(find_producers(function)),
        fused_(function.nodes.size(), 0) {}

  void run() {
    for (std::size_t i = 0; i < function_.nodes.size(); ++i) {
      NodeSpec& norm = function_.nodes[i];
      if (norm.op != "layer_norm" && norm.op != "rms_norm") continue;
      const int producer = norm.inputs[0].kind == Kind::value ? producers_[norm.inputs[0].index] : -1;
      if (producer < 0 || !is_sum(function_.nodes[producer]) || !reads_only_weights(norm)) continue;
      fuse(function_.nodes[producer], norm);
      fused_[i] = 1;
    }
    remove_nodes(function_, fused_);
  }

 private:
  bool is_sum(const NodeSpec& node) const {
    if (node.op != "add") return false;
    const ValueRef &a = node.inputs[0], &b = node.inputs[1];
    return a.kind == Kind::value && b.kind == Kind::value && shapes_[a.index] == shapes_[b.index];
  }

  /// The fused node stands where the sum stood: nothing else that it reads may be computed after that.
  static bool reads_only_weights(const NodeSpec& norm) {
    for (std::size_t i = 1; i < norm.inputs.size(); ++i) {
      if (norm.inputs[i].kind != Kind::weight && norm.inputs[i].kind != Kind::absent) return false;
    }
    return true;
  }

  static void fuse(NodeSpec& sum, NodeSpec& norm) {
    const int total = sum.outputs[0];
    std::vector<ValueRef> inputs = {sum.inputs[0], sum.inputs[1]};
    inputs.insert(inputs.end(), norm.inputs.begin() + 1, norm.inputs.end());
    inputs.push_back({});  // no input_bias
    sum = std::move(norm);
    sum.op = "add_" + sum.op;
    sum.inputs = std::move(inputs);
    sum.outputs = {sum.outputs[0], total};
  }

  FunctionSpec& function_;
  std::vector<SymbolicShape> shapes_;
  std::vector<int> producers_;
  std::vector<char> fused_;
};

}  // namespace

void fuse_norms(ProgramSpec& program) {
  for (FunctionSpec& function : program.functions) NormFusion(program, function).run();
}

}  // namespace pyseq
