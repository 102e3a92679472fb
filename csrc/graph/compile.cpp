#include "graph/compile.h"

#include <algorithm>
#include <charconv>

#include "graph/passes/rewrite.h"
#include "graph/weights.h"
#include "io/loop_ops.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

[[noreturn]] void reject(const FunctionSpec& function, std::string_view label, const std::string& problem) {
  throw FormatError("function " + function.name + ": " + std::string(label) + " " + problem);
}

std::string_view label_of(const NodeSpec& node) {
  return node.name.empty() ? std::string_view(node.op) : std::string_view(node.name);
}

void insert_sorted(std::vector<int>& set, int value) {
  const auto place = std::lower_bound(set.begin(), set.end(), value);
  if (place == set.end() || *place != value) set.insert(place, value);
}

/// Announces every packed use of a weight, so that ops which read both layouts can share it.
void announce_packed_weights(const ProgramSpec& spec, WeightStore& weights) {
  for (const FunctionSpec& function : spec.functions) {
    for (const NodeSpec& node : function.nodes) {
      if (is_loop(node)) continue;
      const OpDef& op = find_op(node.op);
      for (std::size_t i = 0; i < op.inputs.size(); ++i) {
        if (node.inputs[i].kind == Kind::weight) {
          weights.want_packed(node.inputs[i].index, op.inputs[i].pack_gates);
        }
      }
    }
  }
}

using ValueUses = std::vector<std::vector<int>>;  // [function][value]

/// Compiles one function.
class FunctionCompiler {
 public:
  FunctionCompiler(const ProgramSpec& program, const FunctionSpec& spec, const ValueUses& uses, WeightStore& weights)
      : program_(program), spec_(spec), uses_(uses), weights_(weights) {}

  CompiledFunction compile() {
    result_.name = spec_.name;
    result_.is_public = spec_.is_public;
    result_.inputs = spec_.inputs;
    result_.num_values = spec_.num_values;
    for (const ArgumentInfo& input : spec_.inputs) result_.dims.push_back(compile_dims(input));
    for (const NodeSpec& node : spec_.nodes) {
      result_.nodes.push_back(is_loop(node) ? compile_loop(node) : compile_op(node));
    }
    for (const auto& [name, ref] : spec_.outputs) result_.outputs.emplace_back(name, operand(ref));
    for (const auto& [state, ref] : spec_.updates) compile_update(state, ref);
    finish_state_use();
    return std::move(result_);
  }

 private:
  std::vector<CompiledDim> compile_dims(const ArgumentInfo& input) {
    std::vector<CompiledDim> dims;
    for (const std::string& text : input.dims) {
      CompiledDim dim;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dim.size);
      if (error != std::errc() || end != text.data() + text.size() || dim.size < 0) {
        dim = {-1, index_of_dim(text)};
      }
      dims.push_back(dim);
    }
    return dims;
  }

  int index_of_dim(const std::string& name) {
    auto& names = result_.dim_names;
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) return static_cast<int>(found - names.begin());
    names.push_back(name);
    return static_cast<int>(names.size()) - 1;
  }

  /// A reference outside the inputs of ops: weights are read row-major.
  Operand operand(const ValueRef& ref) {
    note_use(ref);
    return {ref, ref.kind == Kind::weight ? weights_.row_major(ref.index) : Tensor()};
  }

  Operand op_operand(const ValueRef& ref, const InputDef& input) {
    note_use(ref);
    return {ref, ref.kind == Kind::weight ? weights_.operand(ref.index, input) : Tensor()};
  }

  void note_use(const ValueRef& ref) {
    if (ref.kind == Kind::rows) result_.reads_rows = true;
    if (ref.kind == Kind::state) insert_sorted(result_.reads, ref.index);
  }

  /// The expression with sizes of weights, which never change, as constants.
  DimExpr compile_dim(DimExpr dim, std::string_view label) {
    for (DimExpr& part : dim.operands) part = compile_dim(std::move(part), label);
    if (dim.kind != DimExpr::Kind::size) return dim;
    if (dim.of.kind != Kind::weight) {
      note_use(dim.of);
      return dim;
    }
    const std::vector<std::int64_t>& shape = program_.weights[dim.of.index].info.shape;
    if (dim.axis < 0 || dim.axis >= static_cast<int>(shape.size())) {
      reject(spec_, label, "reads a size that weight " + program_.weights[dim.of.index].info.name + " does not have");
    }
    DimExpr constant;
    constant.constant = shape[dim.axis];
    return constant;
  }

  CompiledNode compile_op(const NodeSpec& node) {
    CompiledNode compiled;
    const OpDef& op = find_op(node.op);
    compiled.op = &op;
    compiled.label = label_of(node);
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      if (op.inputs[i].kind == InputKind::cache) {
        compiled.caches.push_back(claim_cache(node.inputs[i].index, compiled.label));
      } else {
        compiled.inputs.push_back(op_operand(node.inputs[i], op.inputs[i]));
      }
    }
    compiled.outputs = node.outputs;
    if (node.row_lengths.kind != Kind::absent) {
      compiled.row_lengths = operand(node.row_lengths);
      compiled.packed_inputs = node.packed_inputs;
    }
    for (std::size_t i = 0; i < op.outputs.size(); ++i) {
      const bool is_capturable = op.outputs[i].optional && !op.outputs[i].for_vjp;
      if (is_capturable && compiled.capturable < 0) compiled.capturable = static_cast<int>(i);
    }
    compile_attrs(node, op, compiled);
    return compiled;
  }

  void compile_attrs(const NodeSpec& node, const OpDef& op, CompiledNode& compiled) {
    for (const auto& [name, attr] : node.attrs) {
      if (const auto* value = std::get_if<AttrValue>(&attr)) {
        compiled.constant_attrs.emplace_back(name, *value);
      } else {
        compiled.sized_attrs.emplace_back(name, compile_dim(std::get<DimExpr>(attr), compiled.label));
      }
    }
    if (compiled.sized_attrs.empty()) {
      compiled.attrs = normalize_attrs(op, compiled.constant_attrs, compiled.label);
    }
  }

  /// A cache is appended to by the node that reads it, so one node per function may.
  int claim_cache(int state, std::string_view label) {
    if (std::binary_search(result_.caches.begin(), result_.caches.end(), state)) {
      reject(spec_, label, "uses cache " + program_.states[state].name + ", which another node uses already");
    }
    insert_sorted(result_.caches, state);
    return state;
  }

  CompiledNode compile_loop(const NodeSpec& node) {
    CompiledNode compiled;
    compiled.label = label_of(node);
    LoopDef& loop = compiled.loop.emplace();
    loop.body = node.body;
    loop.until = node.until;
    loop.states = static_cast<int>(loop_count(node, "states"));
    loop.consts = static_cast<int>(loop_count(node, "consts"));
    if (node.op == "scan") {
      loop.kind = LoopDef::Kind::scan;
      loop.xs = static_cast<int>(loop_count(node, "xs"));
      loop.ys = static_cast<int>(loop_count(node, "ys"));
    } else {
      loop.kind = LoopDef::Kind::repeat;
      loop.max_steps = max_steps(node);
    }
    for (const ValueRef& ref : node.inputs) compiled.inputs.push_back(loop_operand(ref, loop, compiled.inputs.size()));
    compiled.outputs = node.outputs;
    return compiled;
  }

  /// A constant that no step reads (its users read the weight itself) is there for its shape alone.
  Operand loop_operand(const ValueRef& ref, const LoopDef& loop, std::size_t index) {
    const std::size_t first_const = loop.xs + loop.states;
    const bool is_const = index >= first_const && index < first_const + loop.consts;
    if (ref.kind != Kind::weight || !is_const) return operand(ref);
    const bool is_read = uses_[loop.body][index] > 0 || (loop.until >= 0 && uses_[loop.until][index] > 0);
    if (is_read) return operand(ref);
    const TensorInfo& info = program_.weights[ref.index].info;
    const DType dtype = info.panel_gates > 0 ? DType::float32 : info.dtype;
    return {ref, Tensor::meta(dtype, Shape(info.shape))};
  }

  DimExpr max_steps(const NodeSpec& node) {
    DimExpr steps;
    for (const auto& [name, attr] : node.attrs) {
      if (name != "max_steps") continue;
      if (const auto* dim = std::get_if<DimExpr>(&attr)) return compile_dim(*dim, label_of(node));
      steps.constant = std::get<std::int64_t>(std::get<AttrValue>(attr));
    }
    return steps;
  }

  void compile_update(int state, const ValueRef& ref) {
    result_.writes_memory |= program_.states[state].kind == StateKind::memory;
    result_.updates.emplace_back(state, operand(ref));
  }

  void finish_state_use() {
    if (result_.writes_memory && !result_.caches.empty()) {
      reject(spec_, "cache " + program_.states[result_.caches[0]].name,
             "is appended to by a function that writes memory, which empties the caches");
    }
    const auto has_rows = [&](int state) { return program_.states[state].kind != StateKind::memory; };
    result_.reads_rows_of_state = result_.reads_rows || !result_.caches.empty() ||
                                  std::any_of(result_.reads.begin(), result_.reads.end(), has_rows);
  }

  const ProgramSpec& program_;
  const FunctionSpec& spec_;
  const ValueUses& uses_;
  WeightStore& weights_;
  CompiledFunction result_;
};

}  // namespace

CompiledProgram compile_program(const ProgramSpec& spec, std::optional<DType> storage) {
  WeightStore weights(spec.weights, storage);
  announce_packed_weights(spec, weights);
  CompiledProgram program;
  program.states = spec.states;
  ValueUses uses;
  for (const FunctionSpec& function : spec.functions) uses.push_back(count_uses(function));
  for (const FunctionSpec& function : spec.functions) {
    program.function_index.emplace(function.name, static_cast<int>(program.functions.size()));
    program.functions.push_back(FunctionCompiler(spec, function, uses, weights).compile());
  }
  for (int weight = 0; weight < static_cast<int>(spec.weights.size()); ++weight) {
    if (weights.is_replaced(weight)) program.replaced_weights.push_back(weight);
  }
  return program;
}

}  // namespace pyseq
