// Nodes that read weights alone are computed once, when the program is loaded. The results become weights, as long as
// they take little more memory than the file and little time.
#include <algorithm>

#include "base/packing.h"
#include "graph/passes/pass.h"
#include "graph/passes/rewrite.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

constexpr double kMostFlops = 1e9;            // of all nodes together: a fraction of a second
constexpr std::size_t kSpareBytes = 1 << 20;  // results may take this much more than the file's weights

class Folding {
 public:
  explicit Folding(ProgramSpec& program) : program_(program), bytes_left_(kSpareBytes) {
    for (const WeightSpec& weight : program.weights) bytes_left_ += weight.info.bytes;
  }

  void run(FunctionSpec& function) {
    std::vector<ValueRef> replacements(function.num_values);
    std::vector<char> folded(function.nodes.size(), 0);
    for (std::size_t i = 0; i < function.nodes.size(); ++i) {
      NodeSpec& node = function.nodes[i];
      for_each_ref(node, [&](ValueRef& ref) {
        if (ref.kind == Kind::value && replacements[ref.index].kind != Kind::absent) ref = replacements[ref.index];
      });
      if (!is_candidate(node)) continue;
      std::vector<Tensor> results;
      try {
        results = compute(node);
      } catch (const Error&) {
        continue;  // running the function says what is wrong
      }
      for (std::size_t k = 0; k < results.size(); ++k) replacements[node.outputs[k]] = add_weight(results[k]);
      folded[i] = !results.empty();
    }
    replace_values(function, replacements);
    remove_nodes(function, folded);
  }

 private:
  static bool is_candidate(const NodeSpec& node) {
    if (is_loop(node)) return false;
    const OpDef& op = find_op(node.op);
    bool reads_weight = false;
    for (const ValueRef& ref : node.inputs) {
      if (ref.kind != Kind::weight && ref.kind != Kind::absent) return false;
      reads_weight |= ref.kind == Kind::weight;
    }
    const auto is_dim = [](const auto& attr) { return std::holds_alternative<DimExpr>(attr.second); };
    const auto is_optional = [](const OutputDef& output) { return output.optional; };
    return reads_weight && std::none_of(node.attrs.begin(), node.attrs.end(), is_dim) &&
           std::none_of(op.outputs.begin(), op.outputs.end(), is_optional);
  }

  /// The outputs of a node; none when they are not worth it.
  std::vector<Tensor> compute(const NodeSpec& node) {
    const OpDef& op = find_op(node.op);
    std::vector<std::pair<std::string, AttrValue>> named;
    for (const auto& [name, attr] : node.attrs) named.emplace_back(name, std::get<AttrValue>(attr));
    const Attrs attrs = normalize_attrs(op, named, node.op);
    std::vector<Tensor> inputs;
    for (const ValueRef& ref : node.inputs) inputs.push_back(ref.kind == Kind::weight ? row_major(ref) : Tensor());
    std::vector<TensorType> types(op.outputs.size());
    const OpArgs args{node.op, inputs, {}, attrs};
    op.infer(args, types);
    std::size_t bytes = 0;
    for (const TensorType& type : types) bytes += Tensor::meta(type.dtype, type.shape).num_bytes();
    const double flops = op.cost(args, types).flops;
    if (bytes > bytes_left_ || flops > flops_left_) return {};
    std::vector<Tensor> results = run_op(op, inputs, {}, attrs, {}, {}, node.op);
    bytes_left_ -= bytes;
    flops_left_ -= flops;
    return results;
  }

  Tensor row_major(const ValueRef& ref) const {
    const Tensor& stored = program_.weights[ref.index].tensor;
    return stored.is_packed() ? unpack_weight(stored) : stored;
  }

  ValueRef add_weight(const Tensor& tensor) {
    WeightSpec weight;
    weight.info.name = "folded." + std::to_string(program_.weights.size());
    weight.info.dtype = tensor.dtype();
    weight.info.shape.assign(tensor.shape().begin(), tensor.shape().end());
    weight.info.bytes = tensor.num_bytes();
    weight.tensor = tensor;
    program_.weights.push_back(std::move(weight));
    return {Kind::weight, static_cast<int>(program_.weights.size()) - 1};
  }

  ProgramSpec& program_;
  std::size_t bytes_left_;
  double flops_left_ = kMostFlops;
};

}  // namespace

void fold_constants(ProgramSpec& program) {
  Folding folding(program);
  for (FunctionSpec& function : program.functions) folding.run(function);
}

}  // namespace pyseq
