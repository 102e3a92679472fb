#include "graph/passes/symbolic_shapes.h"

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "graph/passes/rewrite.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

constexpr std::array<std::string_view, 32> kSameShape{"add",          "add_layer_norm",
                                                      "add_rms_norm", "gelu",
                                                      "layer_norm",   "log_softmax",
                                                      "multiply",     "batch_norm",
                                                      "dropout",      "relu",
                                                      "silu",         "learned_positions",
                                                      "sigmoid",      "sinusoidal_positions",
                                                      "softmax",      "tanh",
                                                      "rms_norm",     "subtract",
                                                      "divide",       "exp",
                                                      "log",          "sqrt",
                                                      "negative",     "softplus",
                                                      "elu",          "leaky_relu",
                                                      "clip",         "rotary",
                                                      "mask_rows",    "pack_rows",
                                                      "unpack_rows",  "instance_norm"};
/// Ops whose first output keeps all sizes of x but the last.
constexpr std::array<std::string_view, 8> kSameLeading{"concat", "top_k",      "rnn",          "gru",
                                                       "lstm",   "simple_gru", "coupled_lstm", "slice"};

class ShapeReader {
 public:
  ShapeReader(const ProgramSpec& program, const FunctionSpec& function)
      : program_(program), function_(function), shapes_(function.num_values) {}

  std::vector<SymbolicShape> read() {
    for (std::size_t i = 0; i < function_.inputs.size(); ++i) shapes_[i] = of_input(function_.inputs[i]);
    for (const NodeSpec& node : function_.nodes) learn_width(node);
    for (const NodeSpec& node : function_.nodes) {
      for (const int value : node.outputs) {
        if (value >= 0) shapes_[value] = {new_symbol(), new_symbol()};
      }
      define(node);
    }
    return std::move(shapes_);
  }

 private:
  int new_symbol() { return next_symbol_++; }
  int symbol(const std::string& text) {
    const auto [place, is_new] = symbols_.emplace(text, next_symbol_);
    if (is_new) ++next_symbol_;
    return place->second;
  }
  int number(std::int64_t size) { return symbol("=" + std::to_string(size)); }

  SymbolicShape of_input(const ArgumentInfo& input) {
    if (input.dims.empty()) return {new_symbol(), new_symbol()};
    std::string leading = "[";
    for (std::size_t axis = 0; axis + 1 < input.dims.size(); ++axis) leading += dim(input.dims[axis]) + ",";
    return {symbol(leading), symbol(dim(input.dims.back()))};
  }
  /// Names do not start with a digit, so numbers and names do not meet.
  static std::string dim(const std::string& text) { return text[0] >= '0' && text[0] <= '9' ? "=" + text : text; }

  SymbolicShape shape_of(const ValueRef& ref) {
    return ref.kind == Kind::value ? shapes_[ref.index] : SymbolicShape{new_symbol(), new_symbol()};
  }
  const std::vector<std::int64_t>* weight_shape(const ValueRef& ref) const {
    return ref.kind == Kind::weight ? &program_.weights[ref.index].info.shape : nullptr;
  }

  /// An input that is multiplied with a weight, or normalised by one, has that weight's width in every run that
  /// succeeds.
  void learn_width(const NodeSpec& node) {
    const bool is_linear = node.op == "linear";
    if (!is_linear && node.op != "layer_norm") return;
    const ValueRef& x = node.inputs[0];
    const std::vector<std::int64_t>* weight = weight_shape(node.inputs[1]);
    const std::size_t rank = is_linear ? 2 : 1;
    if (x.kind != Kind::value || x.index >= static_cast<int>(function_.inputs.size()) || weight == nullptr) return;
    if (weight->size() == rank) shapes_[x.index].last = number(weight->back());
  }

  void define(const NodeSpec& node) {
    if (is_loop(node)) return define_loop(node);
    SymbolicShape& y = shapes_[node.outputs[0]];
    for (const std::string_view op : kSameShape) {
      if (node.op == op) y = shape_of(node.inputs[0]);
    }
    for (const std::string_view op : kSameLeading) {
      if (node.op == op && keeps_leading(node)) y.leading = shape_of(node.inputs[0]).leading;
    }
    if (node.op == "add_layer_norm" || node.op == "add_rms_norm") {
      if (node.outputs[1] >= 0) shapes_[node.outputs[1]] = y;
    } else if (node.op == "linear") {
      y.leading = shape_of(node.inputs[0]).leading;
      const std::vector<std::int64_t>* weight = weight_shape(node.inputs[1]);
      if (weight != nullptr && weight->size() == 2) y.last = number((*weight)[0]);
    } else if (node.op == "linear_pair" || node.op == "linear_triple") {
      define_group(node);
    } else if (node.op == "embedding") {
      const SymbolicShape ids = shape_of(node.inputs[0]);
      y.leading = symbol("[[" + std::to_string(ids.leading) + "," + std::to_string(ids.last));
      const std::vector<std::int64_t>* weight = weight_shape(node.inputs[1]);
      if (weight != nullptr && weight->size() == 2) y.last = number((*weight)[1]);
    } else if (node.op == "attention" || node.op == "cached_attention") {
      // With grouped heads the values are narrower than the result.
      y.leading = shape_of(node.inputs[0]).leading;
      if (!has_grouped_heads(node)) y.last = shape_of(node.inputs[2]).last;
    }
  }

  void define_group(const NodeSpec& node) {
    for (std::size_t map = 0; map < node.outputs.size(); ++map) {
      if (node.outputs[map] < 0) continue;
      const std::vector<std::int64_t>* weight = weight_shape(node.inputs[1 + map]);
      shapes_[node.outputs[map]].leading = shape_of(node.inputs[0]).leading;
      if (weight != nullptr && weight->size() == 2) shapes_[node.outputs[map]].last = number((*weight)[0]);
    }
  }

  /// A slice does when it cuts the last axis.
  static bool keeps_leading(const NodeSpec& node) {
    return node.op != "slice" || integer_attribute(node, "axis") == -1;
  }

  static bool has_grouped_heads(const NodeSpec& node) {
    for (const auto& [name, attr] : node.attrs) {
      if (name != "num_kv_heads") continue;
      const auto* value = std::get_if<AttrValue>(&attr);
      const auto* count = value != nullptr ? std::get_if<std::int64_t>(value) : nullptr;
      return count == nullptr || *count != 0;
    }
    return false;
  }

  /// Loops give back the states that they were given.
  void define_loop(const NodeSpec& node) {
    std::int64_t xs = 0, states = 0, ys = 0;
    for (const auto& [name, attr] : node.attrs) {
      const auto* value = std::get_if<AttrValue>(&attr);
      const auto* count = value != nullptr ? std::get_if<std::int64_t>(value) : nullptr;
      if (count == nullptr) continue;
      if (name == "xs") xs = *count;
      if (name == "states") states = *count;
      if (name == "ys") ys = *count;
    }
    for (std::int64_t i = 0; i < states; ++i) {
      const int value = node.outputs[ys + i];
      if (value >= 0) shapes_[value] = shape_of(node.inputs[xs + i]);
    }
  }

  const ProgramSpec& program_;
  const FunctionSpec& function_;
  std::vector<SymbolicShape> shapes_;
  std::map<std::string, int> symbols_;
  int next_symbol_ = 0;
};

}  // namespace

std::vector<SymbolicShape> symbolic_shapes(const ProgramSpec& program, const FunctionSpec& function) {
  return ShapeReader(program, function).read();
}

}  // namespace pyseq
