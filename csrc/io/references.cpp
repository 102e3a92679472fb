#include "io/references.h"

#include <charconv>

namespace pyseq {
namespace {

int find_name(const NameTable& names, std::string_view name, std::string_view where, const std::string& problem) {
  const auto found = names.find(name);
  if (found == names.end()) throw_format(where, problem);
  return found->second;
}

DimExpr::Kind read_operator(const Json& name, std::string_view where) {
  const std::string& text = read_text(name, where, "a dimension expression's first entry");
  if (text == "size") return DimExpr::Kind::size;
  if (text == "+") return DimExpr::Kind::add;
  if (text == "-") return DimExpr::Kind::subtract;
  if (text == "*") return DimExpr::Kind::multiply;
  if (text == "//") return DimExpr::Kind::floor_divide;
  throw_format(where, "unknown operator " + in_quotes(text) + " in a dimension expression");
}

}  // namespace

int ReferenceReader::read_value_number(std::string_view digits, std::string_view where, std::string_view what) const {
  int number = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < 0 || number >= num_values_) {
    throw_format(where, std::string(what) + " refers to " + in_quotes("%" + std::string(digits)) +
                            ", which is not defined before (" + std::to_string(num_values_) + " values are)");
  }
  return number;
}

int ReferenceReader::read_state(std::string_view name, std::string_view where) const {
  if (!is_public_) throw_format(where, "state " + in_quotes(name) + " is used in a function that is not public");
  return find_name(symbols_.states, name, where, "unknown state " + in_quotes(name));
}

ValueRef ReferenceReader::resolve(const std::string& text, std::string_view where, std::string_view what) const {
  using Kind = ValueRef::Kind;
  const std::string_view view = text;
  if (view.starts_with("%")) return {Kind::value, read_value_number(view.substr(1), where, what)};
  if (view.starts_with("s:")) return {Kind::state, read_state(view.substr(2), where)};
  if (view.starts_with("w:")) {
    const std::string problem =
        std::string(what) + " refers to tensor " + in_quotes(view.substr(2)) + ", which is missing from the file";
    return {Kind::weight, find_name(symbols_.weights, view.substr(2), where, problem)};
  }
  if (view == "rows") {
    if (!is_public_) throw_format(where, "'rows' is state, used in a function that is not public");
    return {Kind::rows, -1};
  }
  throw_format(where, std::string(what) + " is " + in_quotes(text) + ", expected %n, w:name, s:name, rows or null");
}

ValueRef ReferenceReader::read(const Json& value, std::string_view where, std::string_view what) const {
  if (value.is_null()) return {};
  return resolve(read_text(value, where, what), where, what);
}

ValueRef ReferenceReader::read_tensor(const Json& value, std::string_view where, std::string_view what) const {
  const ValueRef reference = read(value, where, what);
  if (reference.kind == ValueRef::Kind::absent) throw_format(where, std::string(what) + " is missing (null)");
  if (is_cache(reference)) throw_format(where, std::string(what) + " is a cache, expected a tensor");
  return reference;
}

DimExpr ReferenceReader::read_dim(const Json& value, std::string_view where, int depth) const {
  DimExpr expression;
  if (value.is_number()) {
    expression.constant = read_integer(value, where, "a dimension expression");
    return expression;
  }
  if (depth > kMaxDimDepth) {
    throw_format(where, "a dimension expression is nested deeper than " + std::to_string(kMaxDimDepth) + " levels");
  }
  if (!value.is_array() || value.size() != 3) {
    throw_format(where, "a dimension expression is neither an integer nor a list of three entries");
  }
  expression.kind = read_operator(value[0], where);
  if (expression.kind == DimExpr::Kind::size) {
    expression.of = read_tensor(value[1], where, "a dimension expression");
    expression.axis = static_cast<int>(read_integer(value[2], where, "the axis of a size", -kMaxRank, kMaxRank - 1));
  } else {
    expression.operands = {read_dim(value[1], where, depth + 1), read_dim(value[2], where, depth + 1)};
  }
  return expression;
}

bool ReferenceReader::is_cache(const ValueRef& reference) const {
  return reference.kind == ValueRef::Kind::state && symbols_.program.states[reference.index].kind == StateKind::cache;
}

}  // namespace pyseq
