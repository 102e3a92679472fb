#include "io/node_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "io/loop_ops.h"
#include "ops/registry.h"

namespace pyseq {
namespace {

const Json kNull;  // stands for an input that the list leaves out

std::string counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

AttrValue read_attr_value(const Json& value, std::string_view where, const std::string& what) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_float()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return read_integer(value, where, what);
  std::vector<std::int64_t> list;
  list.reserve(value.size());
  for (const Json& item : value) list.push_back(read_integer(item, where, what + " has an entry that"));
  return list;
}

/// Reads one node; the members are what all its parts need.
class NodeReader {
 public:
  NodeReader(const ObjectReader& fields, const Symbols& symbols, ReferenceReader& references)
      : fields_(fields), symbols_(symbols), references_(references) {}

  NodeSpec read() {
    node_.op = fields_.text("op");
    node_.name = fields_.text("name");
    if (const OpDef* loop = find_loop_op(node_.op)) {
      node_.op == "scan" ? read_scan(*loop) : read_repeat(*loop);
    } else {
      read_op(find_registered_op());
    }
    return std::move(node_);
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const { throw_format(fields_.where(), problem); }

  const OpDef& find_registered_op() const {
    const auto ops = all_ops();
    const auto found = std::find_if(ops.begin(), ops.end(), [&](const OpDef& op) { return op.name == node_.op; });
    if (found == ops.end()) fail("unknown op " + in_quotes(node_.op));
    return *found;
  }

  void read_op(const OpDef& op) {
    fields_.allow_only({"op", "name", "inputs", "attrs", "outputs"});
    read_attrs(op);
    const Json::array_t& inputs = fields_.list("inputs");
    if (inputs.size() > op.inputs.size()) {
      fail("has " + counted(inputs.size(), "input") + ", expected at most " + std::to_string(op.inputs.size()));
    }
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      node_.inputs.push_back(read_op_input(op.inputs[i], i < inputs.size() ? inputs[i] : kNull));
    }
    read_outputs(op.outputs);
  }

  ValueRef read_op_input(const InputDef& input, const Json& value) const {
    const std::string what = "input " + in_quotes(input.name);
    const ValueRef reference = references_.read(value, fields_.where(), what);
    const bool is_absent = reference.kind == ValueRef::Kind::absent;
    if (is_absent && input.kind != InputKind::optional) fail(what + " is missing");
    if (references_.is_cache(reference) != (input.kind == InputKind::cache)) {
      fail(what + (input.kind == InputKind::cache ? " is not a cache" : " is a cache, expected a tensor"));
    }
    return reference;
  }

  void read_loop_inputs(std::size_t count, const Json::array_t& inputs) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string what = "input " + std::to_string(i);
      node_.inputs.push_back(references_.read_tensor(inputs[i], fields_.where(), what));
    }
  }

  void read_scan(const OpDef& scan) {
    fields_.allow_only({"op", "name", "function", "inputs", "attrs", "outputs"});
    read_attrs(scan);
    const Json::array_t& inputs = fields_.list("inputs");
    const std::int64_t limit = static_cast<std::int64_t>(inputs.size());
    const std::int64_t xs = count_attr("xs", 1, limit);
    const std::int64_t states = count_attr("states", 0, limit);
    const std::int64_t expected = xs + states + count_attr("consts", 0, limit);
    if (limit != expected && limit != expected + 1) {
      fail("has " + counted(inputs.size(), "input") + ", expected " + std::to_string(expected) +
           " and lengths or null");
    }
    read_loop_inputs(static_cast<std::size_t>(expected), inputs);
    node_.inputs.push_back(read_scan_lengths(limit > expected ? inputs.back() : kNull));
    node_.body = read_function("function");
    read_loop_outputs(count_attr("ys", 0, static_cast<std::int64_t>(fields_.list("outputs").size())) + states);
  }

  ValueRef read_scan_lengths(const Json& value) const {
    if (value.is_null()) return {};
    return references_.read_tensor(value, fields_.where(), "lengths");
  }

  void read_repeat(const OpDef& repeat) {
    fields_.allow_only({"op", "name", "function", "until", "inputs", "attrs", "outputs"});
    read_attrs(repeat);
    const Json::array_t& inputs = fields_.list("inputs");
    const std::int64_t limit = static_cast<std::int64_t>(inputs.size());
    const std::int64_t states = count_attr("states", 1, limit);
    const std::int64_t expected = states + count_attr("consts", 0, limit);
    if (limit != expected) fail("has " + counted(inputs.size(), "input") + ", expected " + std::to_string(expected));
    read_loop_inputs(inputs.size(), inputs);
    node_.body = read_function("function");
    const Json* until = fields_.find("until");
    if (until != nullptr && !until->is_null()) node_.until = read_function("until");
    read_loop_outputs(states + 1);  // and the number of steps
  }

  int read_function(std::string_view key) const {
    const std::string& name = fields_.text(key);
    const auto found = symbols_.functions.find(name);
    if (found == symbols_.functions.end()) fail("unknown function " + in_quotes(name));
    return found->second;
  }

  /// A count may not depend on sizes: what a node reads and gives is known before anything runs.
  std::int64_t count_attr(std::string_view name, std::int64_t least, std::int64_t most) const {
    const auto found =
        std::find_if(node_.attrs.begin(), node_.attrs.end(), [&](const auto& attr) { return attr.first == name; });
    if (std::holds_alternative<DimExpr>(found->second)) fail("attribute " + in_quotes(name) + " must be a number");
    const std::int64_t count = loop_count(node_, name);
    if (count < least || count > most) {
      fail("attribute " + in_quotes(name) + " is " + std::to_string(count) + ", expected " + std::to_string(least) +
           " to " + std::to_string(most));
    }
    return count;
  }

  /// All attributes of `op` that the file gives, of the right names and types; defaults stay out.
  void read_attrs(const OpDef& op) {
    std::vector<std::pair<std::string, AttrValue>> constants;  // what normalize_attrs judges: 0 for an expression
    for (const auto& [name, value] : fields_.object_or_empty("attrs")) {
      const std::string what = "attribute " + in_quotes(name);
      if (value.is_object()) {
        const ObjectReader expression(value, fields_.where() + ", " + what);
        expression.allow_only({"dim"});
        node_.attrs.emplace_back(name, references_.read_dim(expression.field("dim"), expression.where()));
        constants.emplace_back(name, std::int64_t{0});
      } else {
        constants.emplace_back(name, read_attr_value(value, fields_.where(), what));
        node_.attrs.emplace_back(constants.back());
      }
    }
    try {
      normalize_attrs(op, constants, fields_.where());
    } catch (const ValueError& error) {
      throw FormatError(error.what());
    }
    check_expressions(op);
  }

  void check_expressions(const OpDef& op) const {
    for (const AttrDef& def : op.attrs) {
      if (std::holds_alternative<std::int64_t>(def.default_value)) continue;
      for (const auto& [name, value] : node_.attrs) {
        if (name == def.name && std::holds_alternative<DimExpr>(value)) {
          fail("attribute " + in_quotes(name) + " is a dimension expression, which only an integer attribute may be");
        }
      }
    }
  }

  void read_outputs(const std::vector<OutputDef>& outputs) {
    const Json::array_t& list = fields_.list("outputs");
    if (list.size() > outputs.size()) {
      fail("has " + counted(list.size(), "output") + ", expected at most " + std::to_string(outputs.size()));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const bool is_absent = i >= list.size() || list[i].is_null();
      if (is_absent && !outputs[i].optional) fail("output " + in_quotes(outputs[i].name) + " is missing");
      node_.outputs.push_back(is_absent ? -1 : define_output(list[i]));
    }
  }

  void read_loop_outputs(std::int64_t expected) {
    const Json::array_t& list = fields_.list("outputs");
    if (static_cast<std::int64_t>(list.size()) != expected) {
      fail("has " + counted(list.size(), "output") + ", expected " + std::to_string(expected));
    }
    for (const Json& output : list) node_.outputs.push_back(define_output(output));
  }

  int define_output(const Json& value) {
    const std::string expected = "%" + std::to_string(references_.num_values());
    const std::string& text = read_text(value, fields_.where(), "an output");
    if (text != expected)
      fail("output is " + in_quotes(text) + ", expected " + in_quotes(expected) + " (the next value)");
    return references_.define_value();
  }

  const ObjectReader& fields_;
  const Symbols& symbols_;
  ReferenceReader& references_;
  NodeSpec node_;
};

}  // namespace

NodeSpec read_node(const Json& value, std::string_view function_name, const Symbols& symbols,
                   ReferenceReader& references) {
  const std::string function = "program: function " + in_quotes(function_name);
  const std::string& name = ObjectReader(value, function + ", a node").text("name");
  const ObjectReader fields(value, function + ", node " + in_quotes(name));
  return NodeReader(fields, symbols, references).read();
}

}  // namespace pyseq
