#include "graph/inspect.h"

#include <nlohmann/json.hpp>

namespace pyseq {
namespace {

using nlohmann::json;

std::string reference(const ProgramSpec& spec, const ValueRef& ref) {
  switch (ref.kind) {
    case ValueRef::Kind::value:
      return std::string("%").append(std::to_string(ref.index));
    case ValueRef::Kind::weight:
      return "w:" + spec.weights[ref.index].info.name;
    case ValueRef::Kind::state:
      return "s:" + spec.states[ref.index].name;
    case ValueRef::Kind::rows:
      return "rows";
    case ValueRef::Kind::absent:
      break;
  }
  return "null";
}

json dim_json(const ProgramSpec& spec, const DimExpr& dim) {
  const auto binary = [&](const char* symbol) {
    return json::array({symbol, dim_json(spec, dim.operands[0]), dim_json(spec, dim.operands[1])});
  };
  switch (dim.kind) {
    case DimExpr::Kind::constant:
      return dim.constant;
    case DimExpr::Kind::size:
      return json::array({"size", reference(spec, dim.of), dim.axis});
    case DimExpr::Kind::add:
      return binary("+");
    case DimExpr::Kind::subtract:
      return binary("-");
    case DimExpr::Kind::multiply:
      return binary("*");
    case DimExpr::Kind::floor_divide:
      return binary("//");
  }
  return nullptr;
}

json attr_json(const ProgramSpec& spec, const SpecAttr& attr) {
  if (const auto* dim = std::get_if<DimExpr>(&attr)) return json{{"dim", dim_json(spec, *dim)}};
  return std::visit([](const auto& value) { return json(value); }, std::get<AttrValue>(attr));
}

NodeInfo describe_node(const ProgramSpec& spec, const NodeSpec& node) {
  NodeInfo info{node.op, node.name, {}, {}};
  for (const ValueRef& ref : node.inputs) info.inputs.push_back(reference(spec, ref));
  json attrs = json::object();
  for (const auto& [name, attr] : node.attrs) attrs[name] = attr_json(spec, attr);
  if (node.body >= 0) attrs["function"] = spec.functions[node.body].name;
  if (node.until >= 0) attrs["until"] = spec.functions[node.until].name;
  if (node.row_lengths.kind != ValueRef::Kind::absent) attrs["row_lengths"] = reference(spec, node.row_lengths);
  info.attributes = attrs.dump(-1, ' ', false, json::error_handler_t::replace);
  return info;
}

}  // namespace

FunctionInfo describe_function(const ProgramSpec& spec, const FunctionSpec& function) {
  FunctionInfo info;
  info.name = function.name;
  info.is_public = function.is_public;
  info.inputs = function.inputs;
  for (const NodeSpec& node : function.nodes) info.nodes.push_back(describe_node(spec, node));
  return info;
}

}  // namespace pyseq
