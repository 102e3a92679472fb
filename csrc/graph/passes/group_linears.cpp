// Two or three linears of the same value, without activations and residuals (the projections of an attention) -> one
// linear_pair or linear_triple, which prepares the rows of the value once and computes all in one parallel section.
#include <algorithm>
#include <utility>
#include <vector>

#include "graph/passes/pass.h"
#include "graph/passes/rewrite.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

enum LinearInput { kX, kWeight, kBias, kResidual };

/// Results of a group are all there from its first linear on. They stay near, so that they do not take up memory while
/// whole layers are computed: projections of one memory for all layers of a decoder are grouped layer by layer.
constexpr std::size_t kNear = 8;
constexpr std::size_t kMostMaps = 3;

class LinearGrouping {
 public:
  LinearGrouping(const ProgramSpec& program, FunctionSpec& function)
      : program_(program), function_(function), grouped_(function.nodes.size(), 0) {}

  void run() {
    for (std::size_t i = 0; i < function_.nodes.size(); ++i) {
      if (grouped_[i] || !is_plain(function_.nodes[i])) continue;
      const std::vector<std::size_t> members = group_from(i);
      if (members.size() >= 2) fuse(members);
    }
    remove_nodes(function_, grouped_);
  }

 private:
  const WeightSpec* weight_of(const NodeSpec& node) const {
    const ValueRef& ref = node.inputs[kWeight];
    return ref.kind == Kind::weight ? &program_.weights[ref.index] : nullptr;
  }

  bool is_plain(const NodeSpec& node) const {
    if (node.op != "linear" || node.inputs[kX].kind != Kind::value) return false;
    const WeightSpec* weight = weight_of(node);
    const std::string* activation = text_attribute(node, "activation");
    const ValueRef& bias = node.inputs[kBias];
    return weight != nullptr && weight->info.shape.size() == 2 && (activation == nullptr || *activation == "none") &&
           (bias.kind == Kind::weight || bias.kind == Kind::absent) && node.inputs[kResidual].kind == Kind::absent;
  }

  /// Rows are prepared once when the weights are stored alike.
  bool go_together(const NodeSpec& a, const NodeSpec& b) const {
    const TensorInfo &first = weight_of(a)->info, &second = weight_of(b)->info;
    return a.inputs[kX].index == b.inputs[kX].index && first.shape[1] == second.shape[1] && first.dtype == second.dtype;
  }

  std::vector<std::size_t> group_from(std::size_t first) const {
    std::vector<std::size_t> members{first};
    const std::size_t end = std::min(function_.nodes.size(), first + kNear);
    for (std::size_t i = first + 1; i < end && members.size() < kMostMaps; ++i) {
      const NodeSpec& node = function_.nodes[i];
      if (!grouped_[i] && is_plain(node) && go_together(function_.nodes[first], node)) members.push_back(i);
    }
    return members;
  }

  void fuse(const std::vector<std::size_t>& members) {
    NodeSpec whole;
    whole.op = members.size() == 2 ? "linear_pair" : "linear_triple";
    whole.inputs = {function_.nodes[members[0]].inputs[kX]};
    for (const LinearInput input : {kWeight, kBias}) {
      for (const std::size_t member : members) whole.inputs.push_back(function_.nodes[member].inputs[input]);
    }
    for (const std::size_t member : members) {
      const NodeSpec& node = function_.nodes[member];
      whole.outputs.push_back(node.outputs[0]);
      whole.name += (whole.name.empty() ? "" : ", ") + node.name;
      grouped_[member] = 1;
    }
    function_.nodes[members[0]] = std::move(whole);
    grouped_[members[0]] = 0;
  }

  const ProgramSpec& program_;
  FunctionSpec& function_;
  std::vector<char> grouped_;
};

}  // namespace

void group_linears(ProgramSpec& program) {
  for (FunctionSpec& function : program.functions) LinearGrouping(program, function).run();
}

}  // namespace pyseq
