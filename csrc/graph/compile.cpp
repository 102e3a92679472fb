#include "graph/compile.h"

#include <algorithm>
#include <charconv>

#include "graph/weights.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

[[noreturn]] void reject(const FunctionSpec& function, std::string_view label, const std::string& problem) {
  throw FormatError("function " + function.name + ": " + std::string(label) + " " + problem);
}

std::string_view label_of(const NodeSpec& node) {
  return node.name.empty() ? std::string_view(node.op) : std::string_view(node.name);
}

bool is_loop(const NodeSpec& node) {
  return node.op == "scan" || node.op == "repeat";
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
      for (std::size_t i = 0; i < std::min(node.inputs.size(), op.inputs.size()); ++i) {
        if (node.inputs[i].kind == Kind::weight) {
          weights.want_packed(node.inputs[i].index, op.inputs[i].pack_gates);
        }
      }
    }
  }
}

/// Compiles one function.
class FunctionCompiler {
 public:
  FunctionCompiler(const ProgramSpec& program, const FunctionSpec& spec, WeightStore& weights)
      : program_(program), spec_(spec), weights_(weights) {}

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
    if (ref.kind != Kind::state) return;
    if (program_.states[ref.index].kind == StateKind::cache) {
      reject(spec_, "cache " + program_.states[ref.index].name, "is read as a tensor");
    }
    insert_sorted(result_.reads, ref.index);
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
      const ValueRef ref = i < node.inputs.size() ? node.inputs[i] : ValueRef{};
      if (op.inputs[i].kind == InputKind::cache) {
        compiled.caches.push_back(claim_cache(ref, compiled.label));
        continue;
      }
      if (ref.kind == Kind::absent && op.inputs[i].kind == InputKind::tensor) {
        reject(spec_, compiled.label, "lacks its input " + std::string(op.inputs[i].name));
      }
      compiled.inputs.push_back(op_operand(ref, op.inputs[i]));
    }
    compile_outputs(node, op, compiled);
    compile_attrs(node, op, compiled);
    return compiled;
  }

  void compile_outputs(const NodeSpec& node, const OpDef& op, CompiledNode& compiled) {
    for (std::size_t i = 0; i < op.outputs.size(); ++i) {
      int value = i < node.outputs.size() ? node.outputs[i] : -1;
      // An op writes all outputs that are not optional: one that nobody reads gets a value too.
      if (value < 0 && !op.outputs[i].optional) value = result_.num_values++;
      compiled.outputs.push_back(value);
      if (op.outputs[i].optional && compiled.capturable < 0) compiled.capturable = static_cast<int>(i);
    }
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
  int claim_cache(const ValueRef& ref, std::string_view label) {
    if (ref.kind != Kind::state || program_.states[ref.index].kind != StateKind::cache) {
      reject(spec_, label, "needs a cache");
    }
    if (std::binary_search(result_.caches.begin(), result_.caches.end(), ref.index)) {
      reject(spec_, label, "uses cache " + program_.states[ref.index].name + ", which another node uses already");
    }
    insert_sorted(result_.caches, ref.index);
    return ref.index;
  }

  CompiledNode compile_loop(const NodeSpec& node) {
    CompiledNode compiled;
    compiled.label = label_of(node);
    LoopDef loop;
    loop.kind = node.op == "scan" ? LoopDef::Kind::scan : LoopDef::Kind::repeat;
    const bool is_scan = loop.kind == LoopDef::Kind::scan;
    loop.body = node.body;
    loop.until = is_scan ? -1 : node.until;
    loop.states = count_attr(node, "states");
    loop.consts = count_attr(node, "consts");
    if (is_scan) {
      loop.xs = count_attr(node, "xs");
      loop.ys = count_attr(node, "ys");
    } else {
      loop.max_steps = compile_dim(dim_attr(node, "max_steps"), compiled.label);
    }
    for (const ValueRef& ref : node.inputs) compiled.inputs.push_back(operand(ref));
    if (is_scan) compiled.inputs.resize(std::max<std::size_t>(compiled.inputs.size(), num_loop_inputs(loop) + 1));
    compiled.outputs = node.outputs;
    for (int& value : compiled.outputs) value = value < 0 ? result_.num_values++ : value;
    check_loop(loop, compiled);
    compiled.loop = std::move(loop);
    return compiled;
  }

  static std::size_t num_loop_inputs(const LoopDef& loop) {
    return static_cast<std::size_t>(loop.xs) + loop.states + loop.consts;
  }

  void check_loop(const LoopDef& loop, const CompiledNode& node) {
    const bool is_scan = loop.kind == LoopDef::Kind::scan;
    const std::size_t inputs = num_loop_inputs(loop);
    const std::size_t outputs = static_cast<std::size_t>(is_scan ? loop.ys : 1) + loop.states;
    if (is_scan && loop.xs == 0) reject(spec_, node.label, "has no sequence to run over (xs is 0)");
    if (!is_scan && loop.states == 0) reject(spec_, node.label, "has no state (states is 0)");
    if (node.inputs.size() != inputs + (is_scan ? 1 : 0) || node.outputs.size() != outputs) {
      reject(spec_, node.label, "has inputs or outputs that do not fit its counts");
    }
    for (std::size_t i = 0; i < inputs; ++i) {
      if (node.inputs[i].ref.kind == Kind::absent) reject(spec_, node.label, "lacks an input");
    }
    check_body(loop.body, inputs, static_cast<std::size_t>(loop.ys) + loop.states, node);
    if (loop.until >= 0) check_body(loop.until, inputs, 1, node);
  }

  void check_body(int index, std::size_t inputs, std::size_t outputs, const CompiledNode& node) {
    if (index < 0 || index >= static_cast<int>(program_.functions.size())) {
      reject(spec_, node.label, "names no function to run");
    }
    const FunctionSpec& body = program_.functions[index];
    if (body.is_public) reject(spec_, node.label, "runs " + body.name + ", which is public");
    if (body.inputs.size() != inputs || body.outputs.size() != outputs) {
      reject(spec_, node.label,
             "gives " + std::to_string(inputs) + " inputs and wants " + std::to_string(outputs) + " outputs, but " +
                 body.name + " has " + std::to_string(body.inputs.size()) + " and " +
                 std::to_string(body.outputs.size()));
    }
  }

  const SpecAttr& required_attr(const NodeSpec& node, std::string_view name) {
    for (const auto& [key, attr] : node.attrs) {
      if (key == name) return attr;
    }
    reject(spec_, label_of(node), "lacks the attribute " + std::string(name));
  }

  int count_attr(const NodeSpec& node, std::string_view name) {
    constexpr std::int64_t kMost = 1 << 16;
    const DimExpr count = dim_attr(node, name);
    if (count.kind != DimExpr::Kind::constant || count.constant < 0 || count.constant > kMost) {
      reject(spec_, label_of(node), "has a bad count " + std::string(name));
    }
    return static_cast<int>(count.constant);
  }

  DimExpr dim_attr(const NodeSpec& node, std::string_view name) {
    const SpecAttr& attr = required_attr(node, name);
    if (const auto* dim = std::get_if<DimExpr>(&attr)) return *dim;
    const auto* value = std::get_if<std::int64_t>(&std::get<AttrValue>(attr));
    if (value == nullptr) reject(spec_, label_of(node), "needs an integer " + std::string(name));
    DimExpr constant;
    constant.constant = *value;
    return constant;
  }

  void compile_update(int state, const ValueRef& ref) {
    const StateInfo& info = program_.states[state];
    if (info.kind == StateKind::cache) reject(spec_, "cache " + info.name, "is updated as a tensor");
    result_.writes_memory |= info.kind == StateKind::memory;
    result_.updates.emplace_back(state, operand(ref));
  }

  void finish_state_use() {
    if (result_.writes_memory && !result_.caches.empty()) {
      reject(spec_, "cache " + program_.states[result_.caches[0]].name,
             "is appended to by a function that writes memory, which empties the caches");
    }
    const auto is_carry = [&](int state) { return program_.states[state].kind == StateKind::carry; };
    result_.reads_rows_of_state = result_.reads_rows || !result_.caches.empty() ||
                                  std::any_of(result_.reads.begin(), result_.reads.end(), is_carry);
    if (!result_.is_public && result_.uses_state()) {
      reject(spec_, "the body of a loop", "uses state");
    }
  }

  const ProgramSpec& program_;
  const FunctionSpec& spec_;
  WeightStore& weights_;
  CompiledFunction result_;
};

}  // namespace

CompiledProgram compile_program(const ProgramSpec& spec) {
  WeightStore weights(spec.weights);
  announce_packed_weights(spec, weights);
  CompiledProgram program;
  program.states = spec.states;
  for (const FunctionSpec& function : spec.functions) {
    program.function_index.emplace(function.name, static_cast<int>(program.functions.size()));
    program.functions.push_back(FunctionCompiler(spec, function, weights).compile());
  }
  return program;
}

}  // namespace pyseq
