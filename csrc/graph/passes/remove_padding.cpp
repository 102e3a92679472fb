// Ragged batches without their padding. Where nothing that can be seen depends on steps beyond `lengths`, the nodes
// between compute packed steps (pack_rows) only: all readers look at valid steps (attention, recurrent layers, pooling,
// mask_rows, ... of the same lengths), or go step by step into something that does. pack_rows stands before the first
// of these nodes, unpack_rows, which leaves zeros, before whatever else reads their values. Sizes stay those of the
// padded batch, so plans do not depend on lengths; how many steps there are is read when a node runs.
#include <algorithm>
#include <map>
#include <utility>

#include "graph/passes/padding_rules.h"
#include "graph/passes/pass.h"
#include "graph/passes/rewrite.h"
#include "graph/passes/symbolic_shapes.h"

namespace pyseq {
namespace {

using Kind = ValueRef::Kind;

/// A ragged batch: the symbol of its [batch, time], and the lengths of its rows.
struct Batch {
  int leading;
  ValueRef lengths;
};

/// Whether a memory is looked at up to `lengths` only: `function` alone writes it, and every reader is an attention
/// with a memory of lengths that gets `lengths` from the same function.
class MaskedMemories {
 public:
  MaskedMemories(const ProgramSpec& program, const FunctionSpec& function) : program_(program), function_(function) {}

  bool is_masked(int state, const ValueRef& lengths) const {
    if (program_.states[state].kind != StateKind::memory || !is_written_here_alone(state)) return false;
    for (const FunctionSpec& function : program_.functions) {
      for (const auto& [name, ref] : function.outputs) {
        if (is_state(ref, state)) return false;
      }
      for (const auto& [target, ref] : function.updates) {
        if (is_state(ref, state)) return false;
      }
      for (const NodeSpec& node : function.nodes) {
        if (!masks(node, state, lengths)) return false;
      }
    }
    return true;
  }

 private:
  static bool is_state(const ValueRef& ref, int state) { return ref.kind == Kind::state && ref.index == state; }

  bool is_written_here_alone(int state) const {
    return std::all_of(program_.functions.begin(), program_.functions.end(), [&](const FunctionSpec& function) {
      return &function == &function_ || update_of(function, state) == nullptr;
    });
  }

  static const ValueRef* update_of(const FunctionSpec& function, int state) {
    for (const auto& [target, ref] : function.updates) {
      if (target == state) return &ref;
    }
    return nullptr;
  }

  bool masks(const NodeSpec& node, int state, const ValueRef& lengths) const {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (!is_state(node.inputs[i], state)) continue;
      const ValueRef mask = mask_of(node, i);
      const ValueRef* written = mask.kind == Kind::state ? update_of(function_, mask.index) : nullptr;
      if (written == nullptr || !same_ref(*written, lengths) || !is_written_here_alone(mask.index)) return false;
    }
    return true;
  }

  const ProgramSpec& program_;
  const FunctionSpec& function_;
};

/// Removes the padding of one ragged batch from one function.
class PaddingRemoval {
 public:
  PaddingRemoval(const ProgramSpec& program, FunctionSpec& function, const Batch& batch)
      : program_(program),
        function_(function),
        batch_(batch),
        shapes_(symbolic_shapes(program, function)),
        producers_(find_producers(function)) {}

  void run() {
    find_free_values();
    find_nodes();
    drop_light_groups();
    if (std::find(packs_.begin(), packs_.end(), 1) != packs_.end()) rewrite();
  }

 private:
  bool is_of_batch(const ValueRef& ref) const {
    return ref.kind == Kind::value && ref.index < static_cast<int>(shapes_.size()) &&
           shapes_[ref.index].leading == batch_.leading;
  }

  /// A value is free when its steps beyond the lengths may be anything.
  void find_free_values() {
    const MaskedMemories memories(program_, function_);
    free_.assign(function_.num_values, 1);
    for (const auto& [name, ref] : function_.outputs) forbid(ref);
    for (const auto& [state, ref] : function_.updates) {
      if (!memories.is_masked(state, batch_.lengths)) forbid(ref);
    }
    for (std::size_t i = function_.nodes.size(); i-- > 0;) {
      const NodeSpec& node = function_.nodes[i];
      const bool gives_free_values = std::all_of(node.outputs.begin(), node.outputs.end(),
                                                 [&](int value) { return value < 0 || free_[value] != 0; });
      for (std::size_t input = 0; input < node.inputs.size(); ++input) {
        const ValueRef mask = mask_of(node, input);
        const bool is_masked = mask.kind != Kind::absent && same_ref(mask, batch_.lengths);
        const bool goes_on = gives_free_values && goes_step_by_step(node, input) && keeps_batch(node);
        if (!is_masked && !goes_on) forbid(node.inputs[input]);
      }
    }
  }

  void forbid(const ValueRef& ref) {
    if (ref.kind == Kind::value) free_[ref.index] = 0;
  }

  /// The first output has the steps of the batch, or holds them as panels.
  bool keeps_batch(const NodeSpec& node) const {
    return node.op == "pack_keys" || (node.outputs[0] >= 0 && shapes_[node.outputs[0]].leading == batch_.leading);
  }

  /// Nodes that can compute packed steps.
  void find_nodes() {
    for (const NodeSpec& node : function_.nodes) packs_.push_back(can_pack(node) ? 1 : 0);
  }

  bool can_pack(const NodeSpec& node) const {
    const PackedForm form = packed_form(node);
    if (form == PackedForm::none || node.row_lengths.kind != Kind::absent || !gives_free_steps(node)) return false;
    if (form == PackedForm::row_lengths && node.inputs[input_named(node, "row_lengths")].kind != Kind::absent) {
      return false;
    }
    if (node.op == "attention") return attends_to_itself(node);
    if (node.op == "embedding") return node.inputs[0].kind == Kind::value;
    for (std::size_t input = 0; input < node.inputs.size(); ++input) {
      if (goes_step_by_step(node, input) && !is_of_batch(node.inputs[input]) && !is_broadcast(node.inputs[input])) {
        return false;
      }
    }
    return is_of_batch(node.inputs[0]);
  }

  bool gives_free_steps(const NodeSpec& node) const {
    return std::all_of(node.outputs.begin(), node.outputs.end(), [&](int value) {
      return value < 0 || (free_[value] != 0 && shapes_[value].leading == batch_.leading);
    });
  }

  bool attends_to_itself(const NodeSpec& node) const {
    const bool reads_batch = is_of_batch(node.inputs[0]) && is_of_batch(node.inputs[1]) && is_of_batch(node.inputs[2]);
    return reads_batch && same_ref(node.inputs[input_named(node, "lengths")], batch_.lengths) &&
           node.inputs[input_named(node, "rows")].kind == Kind::absent;
  }

  /// The same for every step: a vector of weights, or nothing.
  bool is_broadcast(const ValueRef& ref) const {
    if (ref.kind == Kind::absent) return true;
    return ref.kind == Kind::weight && program_.weights[ref.index].info.shape.size() == 1;
  }

  // ---- nodes that are not worth it: groups that hand packed steps to each other, without a product among them

  void drop_light_groups() {
    groups_.resize(packs_.size());
    for (std::size_t i = 0; i < packs_.size(); ++i) groups_[i] = i;
    for (std::size_t i = 0; i < packs_.size(); ++i) {
      if (packs_[i] == 0) continue;
      for (const ValueRef& ref : function_.nodes[i].inputs) {
        if (is_packed(ref)) groups_[group_of(producers_[ref.index])] = group_of(i);
      }
    }
    std::vector<char> is_heavy(packs_.size(), 0);
    for (std::size_t i = 0; i < packs_.size(); ++i) {
      const std::string_view op = function_.nodes[i].op;
      if (packs_[i] != 0 && (op.substr(0, 6) == "linear" || op == "attention")) is_heavy[group_of(i)] = 1;
    }
    for (std::size_t i = 0; i < packs_.size(); ++i) packs_[i] = packs_[i] != 0 && is_heavy[group_of(i)] != 0 ? 1 : 0;
  }

  std::size_t group_of(std::size_t node) const {
    while (groups_[node] != node) node = groups_[node];
    return node;
  }

  bool is_packed(const ValueRef& ref) const {
    return is_of_batch(ref) && producers_[ref.index] >= 0 && packs_[producers_[ref.index]] != 0;
  }

  // ---- rewriting

  void rewrite() {
    std::vector<NodeSpec> old = std::move(function_.nodes);
    function_.nodes.clear();
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (packs_[i] != 0) {
        add_packed(std::move(old[i]));
      } else {
        add_padded(std::move(old[i]));
      }
    }
    for (auto& [name, ref] : function_.outputs) ref = padded(ref);
    for (auto& [state, ref] : function_.updates) ref = padded(ref);
  }

  void add_packed(NodeSpec node) {
    const bool is_one_sequence = packed_form(node) == PackedForm::one_sequence;
    std::uint32_t inputs = 0;
    for (std::size_t input = 0; input < node.inputs.size(); ++input) {
      const bool is_tokens = node.op == "embedding" && input == 0;
      const bool is_step = goes_step_by_step(node, input) || mask_of(node, input).kind != Kind::absent;
      if (!is_step || (!is_tokens && !is_of_batch(node.inputs[input]))) continue;
      node.inputs[input] = packed(node.inputs[input]);
      inputs |= std::uint32_t{1} << input;
    }
    if (is_one_sequence) {
      node.row_lengths = batch_.lengths;
      node.packed_inputs = inputs;
    } else {
      node.inputs[input_named(node, "row_lengths")] = batch_.lengths;
    }
    function_.nodes.push_back(std::move(node));
  }

  void add_padded(NodeSpec node) {
    if (node.op == "mask_rows" && is_packed(node.inputs[0]) && same_ref(node.inputs[1], batch_.lengths)) {
      node.op = "unpack_rows";
      function_.nodes.push_back(std::move(node));
      return;
    }
    for (ValueRef& ref : node.inputs) ref = padded(ref);
    function_.nodes.push_back(std::move(node));
  }

  /// The packed steps of a value.
  ValueRef packed(const ValueRef& ref) {
    if (is_packed(ref)) return ref;
    return move("pack_rows", ref, packed_values_);
  }

  /// The value with its steps in their places.
  ValueRef padded(const ValueRef& ref) { return is_packed(ref) ? move("unpack_rows", ref, padded_values_) : ref; }

  ValueRef move(std::string_view op, const ValueRef& ref, std::map<int, int>& done) {
    const auto [place, is_new] = done.try_emplace(ref.index, function_.num_values);
    if (is_new) {
      NodeSpec node;
      node.op = op;
      node.inputs = {ref, batch_.lengths};
      node.outputs = {function_.num_values++};
      if (op == "pack_rows") node.row_lengths = batch_.lengths;  // leaves out the zeros behind the packed steps
      function_.nodes.push_back(std::move(node));
    }
    return {Kind::value, place->second};
  }

  const ProgramSpec& program_;
  FunctionSpec& function_;
  const Batch batch_;
  const std::vector<SymbolicShape> shapes_;
  const std::vector<int> producers_;
  std::vector<char> free_, packs_;  // of the values; of the nodes as they were
  std::vector<std::size_t> groups_;
  std::map<int, int> packed_values_, padded_values_;
};

/// The ragged batches that nodes of a function look at.
std::vector<Batch> find_batches(const ProgramSpec& program, const FunctionSpec& function) {
  const std::vector<SymbolicShape> shapes = symbolic_shapes(program, function);
  std::vector<Batch> batches;
  for (const NodeSpec& node : function.nodes) {
    for (std::size_t input = 0; input < node.inputs.size(); ++input) {
      const ValueRef lengths = mask_of(node, input), &x = node.inputs[input];
      if (lengths.kind != Kind::value || x.kind != Kind::value || !has_rank_three(node)) continue;
      const Batch batch{shapes[x.index].leading, lengths};
      const auto is_same = [&](const Batch& other) {
        return other.leading == batch.leading && same_ref(other.lengths, batch.lengths);
      };
      if (std::none_of(batches.begin(), batches.end(), is_same)) batches.push_back(batch);
    }
  }
  return batches;
}

/// Symbols are those of one reading of the shapes; a rewrite makes them anew.
void remove_padding(const ProgramSpec& program, FunctionSpec& function) {
  for (std::size_t i = 0;; ++i) {
    const std::vector<Batch> batches = find_batches(program, function);
    if (i >= batches.size()) return;
    PaddingRemoval(program, function, batches[i]).run();
  }
}

}  // namespace

void remove_padding(ProgramSpec& program) {
  for (FunctionSpec& function : program.functions) remove_padding(program, function);
}

}  // namespace pyseq
