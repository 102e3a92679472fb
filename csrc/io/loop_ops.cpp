#include "io/loop_ops.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "io/json_reader.h"

namespace pyseq {
namespace {

OpDef declare(std::string_view name, std::vector<std::string_view> attributes) {
  OpDef op;
  op.name = name;
  for (const std::string_view attribute : attributes) op.attrs.push_back({attribute, std::int64_t{0}, true});
  return op;
}

std::string place(const FunctionSpec& function, const NodeSpec& node) {
  return "program: function " + in_quotes(function.name) + ", node " + in_quotes(node.name);
}

/// The function that a loop runs takes and gives what the node says.
void check_signature(const FunctionSpec& body, std::int64_t inputs, std::int64_t outputs, const std::string& where) {
  if (body.is_public) throw_format(where, "it runs function " + in_quotes(body.name) + ", which is public");
  if (static_cast<std::int64_t>(body.inputs.size()) != inputs) {
    throw_format(where, "function " + in_quotes(body.name) + " has " + std::to_string(body.inputs.size()) +
                            " inputs, expected " + std::to_string(inputs));
  }
  if (static_cast<std::int64_t>(body.outputs.size()) != outputs) {
    throw_format(where, "function " + in_quotes(body.name) + " has " + std::to_string(body.outputs.size()) +
                            " outputs, expected " + std::to_string(outputs));
  }
}

void check_node(const ProgramSpec& program, const NodeSpec& node, const std::string& where) {
  const std::int64_t states = loop_count(node, "states");
  const std::int64_t read = states + loop_count(node, "consts");
  const FunctionSpec& body = program.functions[node.body];
  if (node.op == "scan") {
    check_signature(body, loop_count(node, "xs") + read, loop_count(node, "ys") + states, where);
  } else {
    check_signature(body, read, states, where);
    if (node.until >= 0) check_signature(program.functions[node.until], read, 1, where);
  }
}

/// Measures how deep the bodies of each function nest, depth first; a chain longer than allowed ends the walk, so that
/// it needs little stack whatever the file says.
class NestingCheck {
 public:
  explicit NestingCheck(const ProgramSpec& program) : program_(program), heights_(program.functions.size(), -1) {}

  void run() {
    for (int function = 0; function < static_cast<int>(heights_.size()); ++function) visit(function);
  }

 private:
  /// Levels of bodies below a function: 0 without loops.
  int visit(int function) {
    if (heights_[function] >= 0) return heights_[function];
    const std::string where = "program: function " + in_quotes(program_.functions[function].name);
    if (std::find(path_.begin(), path_.end(), function) != path_.end()) {
      throw_format(where, "it runs itself: scan and repeat form a cycle");
    }
    if (static_cast<int>(path_.size()) > kMaxFunctionNesting) throw_too_deep(where);
    path_.push_back(function);
    int height = 0;
    for (const NodeSpec& node : program_.functions[function].nodes) {
      for (const int callee : {node.body, node.until}) {
        if (callee >= 0) height = std::max(height, visit(callee) + 1);
      }
    }
    path_.pop_back();
    if (height > kMaxFunctionNesting) throw_too_deep(where);
    return heights_[function] = height;
  }

  [[noreturn]] static void throw_too_deep(const std::string& where) {
    throw_format(where, "scan and repeat nest deeper than " + std::to_string(kMaxFunctionNesting) + " levels");
  }

  const ProgramSpec& program_;
  std::vector<int> heights_;  // -1: not known yet
  std::vector<int> path_;     // functions being visited
};

}  // namespace

const OpDef* find_loop_op(std::string_view name) {
  static const std::array kLoopOps = {declare("scan", {"xs", "states", "consts", "ys"}),
                                      declare("repeat", {"states", "consts", "max_steps"})};
  const auto found = std::find_if(kLoopOps.begin(), kLoopOps.end(), [&](const OpDef& op) { return op.name == name; });
  return found == kLoopOps.end() ? nullptr : &*found;
}

std::int64_t loop_count(const NodeSpec& node, std::string_view attribute) {
  const auto found =
      std::find_if(node.attrs.begin(), node.attrs.end(), [&](const auto& attr) { return attr.first == attribute; });
  return std::get<std::int64_t>(std::get<AttrValue>(found->second));
}

void check_loops(const ProgramSpec& program) {
  for (const FunctionSpec& function : program.functions) {
    for (const NodeSpec& node : function.nodes) {
      if (node.body >= 0) check_node(program, node, place(function, node));
    }
  }
  NestingCheck(program).run();
}

}  // namespace pyseq
