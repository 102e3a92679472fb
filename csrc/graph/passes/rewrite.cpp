#include "graph/passes/rewrite.h"

#include <algorithm>

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

void for_each_ref(DimExpr& dim, FunctionRef<void(ValueRef&)> visit) {
  if (dim.kind == DimExpr::Kind::size) visit(dim.of);
  for (DimExpr& part : dim.operands) for_each_ref(part, visit);
}

}  // namespace

void for_each_ref(NodeSpec& node, FunctionRef<void(ValueRef&)> visit) {
  for (ValueRef& ref : node.inputs) visit(ref);
  visit(node.row_lengths);
  for (auto& [name, attr] : node.attrs) {
    if (auto* dim = std::get_if<DimExpr>(&attr)) for_each_ref(*dim, visit);
  }
}

void for_each_ref(FunctionSpec& function, FunctionRef<void(ValueRef&)> visit) {
  for (NodeSpec& node : function.nodes) for_each_ref(node, visit);
  for (auto& [name, ref] : function.outputs) visit(ref);
  for (auto& [state, ref] : function.updates) visit(ref);
}

std::vector<int> count_uses(const FunctionSpec& function) {
  std::vector<int> uses(function.num_values, 0);
  // The visitor changes nothing.
  for_each_ref(const_cast<FunctionSpec&>(function), [&](ValueRef& ref) {
    if (ref.kind == Kind::value) ++uses[ref.index];
  });
  return uses;
}

std::vector<int> find_producers(const FunctionSpec& function) {
  std::vector<int> producers(function.num_values, -1);
  for (std::size_t i = 0; i < function.nodes.size(); ++i) {
    for (const int value : function.nodes[i].outputs) {
      if (value >= 0) producers[value] = static_cast<int>(i);
    }
  }
  return producers;
}

void replace_values(FunctionSpec& function, const std::vector<ValueRef>& replacements) {
  for_each_ref(function, [&](ValueRef& ref) {
    if (ref.kind == Kind::value && replacements[ref.index].kind != Kind::absent) ref = replacements[ref.index];
  });
}

void remove_nodes(FunctionSpec& function, const std::vector<char>& marked) {
  std::vector<NodeSpec> kept;
  for (std::size_t i = 0; i < function.nodes.size(); ++i) {
    if (!marked[i]) kept.push_back(std::move(function.nodes[i]));
  }
  function.nodes = std::move(kept);
}

const std::string* text_attribute(const NodeSpec& node, std::string_view name) {
  for (const auto& [key, attr] : node.attrs) {
    const auto* value = key == name ? std::get_if<AttrValue>(&attr) : nullptr;
    if (value != nullptr) return std::get_if<std::string>(value);
  }
  return nullptr;
}

std::optional<std::int64_t> integer_attribute(const NodeSpec& node, std::string_view name) {
  for (const auto& [key, attr] : node.attrs) {
    const auto* value = key == name ? std::get_if<AttrValue>(&attr) : nullptr;
    const auto* integer = value != nullptr ? std::get_if<std::int64_t>(value) : nullptr;
    if (integer != nullptr) return *integer;
  }
  return std::nullopt;
}

void set_text_attribute(NodeSpec& node, std::string_view name, std::string value) {
  std::erase_if(node.attrs, [&](const auto& attr) { return attr.first == name; });
  node.attrs.emplace_back(name, AttrValue(std::move(value)));
}

}  // namespace pyseq
