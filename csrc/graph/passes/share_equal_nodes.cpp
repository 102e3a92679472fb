// Two nodes that do the same with the same inputs become one (common subexpressions).
#include <algorithm>
#include <bit>
#include <map>

#include "graph/passes/pass.h"
#include "graph/passes/rewrite.h"

namespace pyseq {
namespace {

/// Equal for nodes that compute the same; empty for nodes that are never shared: loops, attributes that depend on
/// sizes, caches, and optional outputs, which captures find by the node's name.
std::string key_of(const NodeSpec& node) {
  if (is_loop(node)) return {};
  const OpDef& op = find_op(node.op);
  const auto is_optional = [](const OutputDef& output) { return output.optional; };
  if (std::any_of(op.outputs.begin(), op.outputs.end(), is_optional)) return {};
  std::string key = node.op;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (op.inputs[i].kind == InputKind::cache) return {};
    const ValueRef& ref = node.inputs[i];
    key.append(" ").append(std::to_string(static_cast<int>(ref.kind))).append(":").append(std::to_string(ref.index));
  }
  std::vector<std::pair<std::string, AttrValue>> named;
  for (const auto& [name, attr] : node.attrs) {
    if (!std::holds_alternative<AttrValue>(attr)) return {};
    named.emplace_back(name, std::get<AttrValue>(attr));
  }
  std::sort(named.begin(), named.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [name, value] : named) {
    key.append(" ").append(name).append("=").append(std::to_string(value.index())).append(":");
    if (const auto* text = std::get_if<std::string>(&value)) {
      key.append(std::to_string(text->size())).append(",").append(*text);
    } else if (const auto* real = std::get_if<double>(&value)) {
      key.append(std::to_string(std::bit_cast<std::uint64_t>(*real)));
    } else if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) {
      for (const std::int64_t entry : *list) key.append(std::to_string(entry)).append(",");
    } else {
      const auto* flag = std::get_if<bool>(&value);
      key.append(std::to_string(flag != nullptr ? std::int64_t{*flag} : std::get<std::int64_t>(value)));
    }
  }
  return key;
}

void share_equal_nodes(FunctionSpec& function) {
  std::map<std::string, std::size_t> seen;
  std::vector<ValueRef> replacements(function.num_values);
  std::vector<char> doubled(function.nodes.size(), 0);
  for (std::size_t i = 0; i < function.nodes.size(); ++i) {
    NodeSpec& node = function.nodes[i];
    for_each_ref(node, [&](ValueRef& ref) {
      const bool is_replaced = ref.kind == ValueRef::Kind::value && replacements[ref.index].index >= 0;
      if (is_replaced) ref = replacements[ref.index];
    });
    std::string key = key_of(node);
    if (key.empty()) continue;
    const auto [place, is_new] = seen.emplace(std::move(key), i);
    if (is_new) continue;
    doubled[i] = 1;
    const NodeSpec& first = function.nodes[place->second];
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      replacements[node.outputs[k]] = {ValueRef::Kind::value, first.outputs[k]};
    }
  }
  replace_values(function, replacements);
  remove_nodes(function, doubled);
}

}  // namespace

void share_equal_nodes(ProgramSpec& program) {
  for (FunctionSpec& function : program.functions) share_equal_nodes(function);
}

}  // namespace pyseq
