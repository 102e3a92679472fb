#include "graph/passes/padding_rules.h"

#include <algorithm>
#include <array>

#include "graph/passes/rewrite.h"
#include "io/loop_ops.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

constexpr std::uint32_t bits(std::initializer_list<int> positions) {
  return VjpReads::bits(positions);
}

struct Rule {
  std::string_view op;
  PackedForm form = PackedForm::none;
  std::uint32_t steps = 0;   // inputs of which a step decides about that step of the outputs
  std::uint32_t masked = 0;  // inputs that are looked at up to the input "lengths", when there is one
  bool has_rank_three = true;
};

constexpr auto kOne = PackedForm::one_sequence;
constexpr auto kRows = PackedForm::row_lengths;
constexpr auto kNone = PackedForm::none;

constexpr std::array kRules = std::to_array<Rule>({
    {"add", kOne, bits({0, 1})},
    {"subtract", kOne, bits({0, 1})},
    {"multiply", kOne, bits({0, 1})},
    {"divide", kOne, bits({0, 1})},
    {"concat", kOne, bits({0, 1})},
    {"linear", kOne, bits({0, 3})},
    {"linear_pair", kOne, bits({0})},
    {"linear_triple", kOne, bits({0})},
    {"embedding", kOne, bits({0})},
    {"layer_norm", kOne, bits({0})},
    {"rms_norm", kOne, bits({0})},
    {"add_layer_norm", kOne, bits({0, 1})},
    {"add_rms_norm", kOne, bits({0, 1})},
    {"softmax", kOne, bits({0})},
    {"log_softmax", kOne, bits({0})},
    {"top_k", kOne, bits({0})},
    {"slice", kOne, bits({0})},
    {"batch_norm", kOne, bits({0}), bits({0})},
    {"exp", kOne, bits({0})},
    {"log", kOne, bits({0})},
    {"sqrt", kOne, bits({0})},
    {"negative", kOne, bits({0})},
    {"softplus", kOne, bits({0})},
    {"elu", kOne, bits({0})},
    {"leaky_relu", kOne, bits({0})},
    {"clip", kOne, bits({0})},
    {"relu", kOne, bits({0})},
    {"tanh", kOne, bits({0})},
    {"sigmoid", kOne, bits({0})},
    {"silu", kOne, bits({0})},
    {"gelu", kOne, bits({0})},
    {"sinusoidal_positions", kRows, bits({0})},
    {"learned_positions", kRows, bits({0})},
    {"rotary", kRows, bits({0})},
    {"attention", kRows, bits({0}), bits({1, 2})},
    {"additive_attention", kNone, bits({0}), bits({1, 2})},
    {"pack_keys", kNone, bits({0})},
    {"rnn", kNone, 0, bits({0})},
    {"gru", kNone, 0, bits({0})},
    {"simple_gru", kNone, 0, bits({0})},
    {"lstm", kNone, 0, bits({0})},
    {"coupled_lstm", kNone, 0, bits({0})},
    {"conv1d", kNone, 0, bits({0})},
    {"instance_norm", kNone, 0, bits({0})},
    {"max_pool1d", kNone, 0, bits({0})},
    {"mean_pool1d", kNone, 0, bits({0})},
    {"crf_loss", kNone, 0, bits({0})},
    {"crf_marginals", kNone, 0, bits({0})},
    {"ctc_loss", kNone, 0, bits({0})},
    {"viterbi", kNone, 0, bits({0})},
    {"sum", kNone, 0, bits({0}), false},
    {"mean", kNone, 0, bits({0}), false},
    {"max", kNone, 0, bits({0}), false},
    {"mask_rows", kNone, 0, bits({0}), false},
    {"pack_rows", kNone, 0, bits({0}), false},
});

const Rule* rule_of(const NodeSpec& node) {
  const auto found = std::find_if(kRules.begin(), kRules.end(), [&](const Rule& rule) { return rule.op == node.op; });
  return found == kRules.end() ? nullptr : &*found;
}

bool has(std::uint32_t set, std::size_t position) {
  return (set >> position & 1) != 0;
}

bool is_given(const NodeSpec& node, std::string_view input) {
  const int index = input_named(node, input);
  return index >= 0 && node.inputs[index].kind != Kind::absent;
}

/// Attributes and inputs under which an op of a rule looks beyond a step after all.
bool is_exception(const NodeSpec& node) {
  if (node.op == "slice") return integer_attribute(node, "axis") != -1;
  if (node.op == "batch_norm") return !is_given(node, "mean") || is_given(node, "lengths");
  return false;
}

}  // namespace

int input_named(const NodeSpec& node, std::string_view name) {
  const std::vector<InputDef>& inputs = find_op(node.op).inputs;
  const auto found =
      std::find_if(inputs.begin(), inputs.end(), [&](const InputDef& input) { return input.name == name; });
  return found == inputs.end() ? -1 : static_cast<int>(found - inputs.begin());
}

PackedForm packed_form(const NodeSpec& node) {
  const Rule* rule = rule_of(node);
  return rule == nullptr || is_exception(node) ? PackedForm::none : rule->form;
}

bool goes_step_by_step(const NodeSpec& node, std::size_t input) {
  const Rule* rule = rule_of(node);
  return rule != nullptr && has(rule->steps, input) && !is_exception(node);
}

ValueRef mask_of(const NodeSpec& node, std::size_t input) {
  if (node.op == "scan")
    return input < static_cast<std::size_t>(loop_count(node, "xs")) ? node.inputs.back() : ValueRef();
  const Rule* rule = rule_of(node);
  if (rule == nullptr || !has(rule->masked, input)) return {};
  return node.inputs[input_named(node, "lengths")];
}

bool has_rank_three(const NodeSpec& node) {
  const Rule* rule = rule_of(node);
  return rule != nullptr && rule->has_rank_three;
}

}  // namespace pyseq
