#include "ops/registry.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "ops/checks.h"
#include "ops/families.h"

namespace pyseq {
namespace {

/// Scratch memory that a thread keeps between eager calls; more than this is given back.
constexpr std::size_t kScratchKept = std::size_t{64} << 20;

std::vector<OpDef> build_registry() {
  std::vector<OpDef> ops;
  add_additive_attention_ops(ops);
  add_attention_ops(ops);
  add_batch_norm_ops(ops);
  add_binary_loss_ops(ops);
  add_cached_attention_ops(ops);
  add_convolution_ops(ops);
  add_crf_label_ops(ops);
  add_crf_loss_ops(ops);
  add_ctc_ops(ops);
  add_dropout_ops(ops);
  add_elementwise_ops(ops);
  add_embedding_ops(ops);
  add_function_ops(ops);
  add_instance_norm_ops(ops);
  add_linear_ops(ops);
  add_linear_group_ops(ops);
  add_matmul_ops(ops);
  add_loss_ops(ops);
  add_normalization_ops(ops);
  add_padding_ops(ops);
  add_pooling_ops(ops);
  add_position_ops(ops);
  add_recurrent_ops(ops);
  add_rotary_ops(ops);
  add_reduction_ops(ops);
  add_softmax_ops(ops);
  add_spectrum_ops(ops);
  add_structure_ops(ops);
  add_axes_ops(ops);
  add_top_k_ops(ops);
  std::sort(ops.begin(), ops.end(), [](const OpDef& a, const OpDef& b) { return a.name < b.name; });
  return ops;
}

/// Levenshtein distance: insertions, deletions and replacements that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

/// The registered names nearest to `name`, joined by commas; at most three, and only near ones.
std::string nearest_names(std::string_view name) {
  constexpr std::size_t kMost = 3;
  std::vector<std::pair<std::size_t, std::string_view>> candidates;
  for (const OpDef& op : all_ops()) {
    const std::size_t distance = edit_distance(name, op.name);
    if (distance <= std::max<std::size_t>(2, op.name.size() / 3)) candidates.emplace_back(distance, op.name);
  }
  std::sort(candidates.begin(), candidates.end());
  std::string names;
  for (std::size_t i = 0; i < std::min(kMost, candidates.size()); ++i) {
    names.append(i == 0 ? "" : ", ").append(candidates[i].second);
  }
  return names;
}

const char* type_name(const AttrValue& value) {
  constexpr const char* kNames[] = {"an integer", "a number", "a flag", "a text", "a list of integers"};
  return kNames[value.index()];
}

/// The value as the type of `def`: an integer stands for a real as well.
AttrValue converted(const AttrDef& def, const AttrValue& value, std::string_view label) {
  if (value.index() == def.default_value.index()) return value;
  const auto* integer = std::get_if<std::int64_t>(&value);
  if (integer != nullptr && std::holds_alternative<double>(def.default_value)) {
    return static_cast<double>(*integer);
  }
  throw_value(label, "attribute " + std::string(def.name), type_name(value), type_name(def.default_value));
}

std::size_t count_caches(const OpDef& op) {
  return static_cast<std::size_t>(std::count_if(op.inputs.begin(), op.inputs.end(),
                                                [](const InputDef& input) { return input.kind == InputKind::cache; }));
}

/// The inputs in registry order, absent ones undefined; ValueError when there are too many.
std::vector<Tensor> complete_inputs(const OpDef& op, std::span<const Tensor> inputs, std::string_view label) {
  check_input_count(op, inputs.size(), label);
  std::vector<Tensor> complete(inputs.begin(), inputs.end());
  complete.resize(count_inputs(op));
  return complete;
}

void check_caches(const OpDef& op, std::span<KvCache* const> caches, std::string_view label) {
  const std::size_t expected = count_caches(op);
  const bool absent = std::find(caches.begin(), caches.end(), nullptr) != caches.end();
  if (caches.size() == expected && !absent) return;
  throw ValueError(std::string(label) + ": got " + (absent ? "no cache" : std::to_string(caches.size()) + " caches") +
                   ", expected " + std::to_string(expected));
}

std::vector<Tensor> allocate_outputs(const OpDef& op, std::span<const TensorType> types,
                                     std::span<const bool> want_optional) {
  std::vector<Tensor> outputs(op.outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (is_wanted(op, i, want_optional)) outputs[i] = Tensor::empty(types[i].dtype, types[i].shape);
  }
  return outputs;
}

void check_grad_outputs(const OpDef& op, std::span<const Tensor> outputs, std::span<const Tensor> gradients,
                        std::string_view label) {
  if (outputs.size() != op.outputs.size() || gradients.size() != op.outputs.size()) {
    throw ValueError(std::string(label) + ": got " + std::to_string(gradients.size()) + " gradients, expected " +
                     std::to_string(op.outputs.size()) + " (one per output)");
  }
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].defined()) continue;
    const std::string name = "gradient of " + std::string(op.outputs[i].name);
    if (!op.outputs[i].differentiable) {
      throw UnsupportedError(std::string(label) + ": " + std::string(op.outputs[i].name) +
                             " is not differentiable (detach() it where it is used)");
    }
    if (!outputs[i].defined()) throw ValueError(std::string(label) + ": " + name + ": the output was not computed");
    check_dtype(label, name, gradients[i], DType::float32);
    if (!(gradients[i].shape() == outputs[i].shape())) {
      throw_shape(label, name, "shape " + gradients[i].shape().to_string(),
                  "the shape of the output " + outputs[i].shape().to_string());
    }
  }
}

std::vector<Tensor> allocate_gradients(const OpDef& op, std::span<const Tensor> inputs, std::span<const bool> wanted,
                                       std::string_view label) {
  std::vector<Tensor> gradients(inputs.size());
  for (std::size_t i = 0; i < inputs.size() && i < wanted.size(); ++i) {
    if (!wanted[i] || !inputs[i].defined()) continue;
    if ((op.differentiable >> i & 1) == 0) {
      throw UnsupportedError(std::string(label) + ": " + std::string(op.name) + " has no gradient with respect to " +
                             std::string(op.inputs[i].name));
    }
    gradients[i] = Tensor::empty(inputs[i].dtype(), inputs[i].shape());
  }
  return gradients;
}

/// This thread's scratch memory, cleared when the call ends, whether it throws or not.
class EagerScratch {
 public:
  EagerScratch() = default;
  ~EagerScratch() {
    arena().reset();
    if (arena().capacity() > kScratchKept) arena() = Arena();
  }
  EagerScratch(const EagerScratch&) = delete;
  EagerScratch& operator=(const EagerScratch&) = delete;

  Arena& arena() {
    thread_local Arena arena;
    return arena;
  }
};

}  // namespace

std::span<const OpDef> all_ops() {
  static const std::vector<OpDef> ops = build_registry();
  return ops;
}

const OpDef& find_op(std::string_view name) {
  const auto ops = all_ops();
  const auto found = std::lower_bound(ops.begin(), ops.end(), name,
                                      [](const OpDef& op, std::string_view wanted) { return op.name < wanted; });
  if (found != ops.end() && found->name == name) return *found;
  std::string message = "there is no op named " + in_quotes(name);
  const std::string nearest = nearest_names(name);
  if (!nearest.empty()) message += "; near: " + nearest;
  throw UnsupportedError(message);
}

Attrs normalize_attrs(const OpDef& op, std::span<const std::pair<std::string, AttrValue>> named,
                      std::string_view label) {
  std::vector<std::optional<AttrValue>> given(op.attrs.size());
  for (const auto& [name, value] : named) {
    const auto def = std::find_if(op.attrs.begin(), op.attrs.end(),
                                  [&name = name](const AttrDef& attr) { return attr.name == name; });
    if (def == op.attrs.end()) {
      throw ValueError(std::string(label) + ": " + std::string(op.name) + " has no attribute " + in_quotes(name));
    }
    auto& slot = given[static_cast<std::size_t>(def - op.attrs.begin())];
    if (slot) throw ValueError(std::string(label) + ": attribute " + name + " is given twice");
    slot = converted(*def, value, label);
  }
  std::vector<AttrValue> values;
  for (std::size_t i = 0; i < op.attrs.size(); ++i) {
    if (!given[i] && op.attrs[i].required) {
      throw ValueError(std::string(label) + ": attribute " + std::string(op.attrs[i].name) + " is missing");
    }
    values.push_back(given[i] ? *given[i] : op.attrs[i].default_value);
  }
  return Attrs(std::move(values));
}

std::size_t count_inputs(const OpDef& op) {
  return op.inputs.size() - count_caches(op);
}

void check_input_count(const OpDef& op, std::size_t count, std::string_view label) {
  const std::size_t expected = count_inputs(op);
  if (count <= expected) return;
  throw ValueError(std::string(label) + ": got " + std::to_string(count) + " inputs, expected at most " +
                   std::to_string(expected));
}

void check_operands(const OpDef& op, std::span<const Tensor> inputs, std::span<KvCache* const> caches,
                    std::string_view label) {
  check_caches(op, caches, label);
  std::size_t index = 0;
  for (const InputDef& input : op.inputs) {
    if (input.kind == InputKind::cache) continue;
    if (input.kind == InputKind::tensor && !inputs[index].defined()) {
      throw ValueError(std::string(label) + ": " + std::string(input.name) + " is missing");
    }
    ++index;
  }
}

bool is_wanted(const OpDef& op, std::size_t index, std::span<const bool> want_optional) {
  if (!op.outputs[index].optional) return true;
  const auto place = static_cast<std::size_t>(std::count_if(op.outputs.begin(),
                                                            op.outputs.begin() + static_cast<std::ptrdiff_t>(index),
                                                            [](const OutputDef& output) { return output.optional; }));
  return place < want_optional.size() && want_optional[place];
}

void forward_op(const OpDef& op, const OpArgs& args, std::span<Tensor> outputs, const RunLimits& limits) {
  EagerScratch scratch;
  OpCall call{args, outputs, scratch.arena(), limits};
  op.forward(call);
}

std::vector<Tensor> run_op(const OpDef& op, std::span<const Tensor> inputs, std::span<KvCache* const> caches,
                           const Attrs& attrs, std::span<const bool> want_optional, const RunLimits& limits,
                           std::string_view label) {
  if (label.empty()) label = op.name;
  limits.check();
  const std::vector<Tensor> complete = complete_inputs(op, inputs, label);
  check_operands(op, complete, caches, label);
  const OpArgs args{label, complete, caches, attrs};
  std::vector<TensorType> types(op.outputs.size());
  op.infer(args, types);
  std::vector<Tensor> outputs = allocate_outputs(op, types, want_optional);
  forward_op(op, args, outputs, limits);
  return outputs;
}

std::vector<Tensor> run_vjp(const OpDef& op, std::span<const Tensor> inputs, const Attrs& attrs,
                            std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs,
                            std::span<const bool> wanted, const RunLimits& limits, std::string_view label) {
  if (label.empty()) label = op.name;
  limits.check();
  if (op.vjp == nullptr) throw UnsupportedError(std::string(label) + ": " + std::string(op.name) + " has no gradient");
  check_grad_outputs(op, outputs, grad_outputs, label);
  const std::vector<Tensor> complete = complete_inputs(op, inputs, label);
  std::vector<Tensor> gradients = allocate_gradients(op, complete, wanted, label);
  const bool is_zero =
      std::none_of(grad_outputs.begin(), grad_outputs.end(), [](const Tensor& g) { return g.defined(); });
  if (is_zero) {
    for (Tensor& gradient : gradients) {
      if (gradient.defined()) gradient = Tensor::zeros(gradient.dtype(), gradient.shape());
    }
    return gradients;
  }
  EagerScratch scratch;
  VjpCall call{{label, complete, {}, attrs}, outputs, grad_outputs, gradients, scratch.arena(), limits};
  op.vjp(call);
  return gradients;
}

}  // namespace pyseq
