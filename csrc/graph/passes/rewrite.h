// What passes share: walking over references, counting uses, taking nodes out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/threads.h"
#include "io/program_spec.h"

namespace pyseq {

inline bool is_loop(const NodeSpec& node) {
  return node.op == "scan" || node.op == "repeat";
}

/// Calls visit(ref) for every reference that a node reads, those of its attributes included.
void for_each_ref(NodeSpec& node, FunctionRef<void(ValueRef&)> visit);
/// The same for all nodes, outputs and updates of a function.
void for_each_ref(FunctionSpec& function, FunctionRef<void(ValueRef&)> visit);

/// For every value the number of places that read it.
std::vector<int> count_uses(const FunctionSpec& function);
/// For every value the node that gives it; -1 for inputs.
std::vector<int> find_producers(const FunctionSpec& function);
/// Everything that reads a value reads its replacement; replacements[v] of kind absent leaves value v alone.
void replace_values(FunctionSpec& function, const std::vector<ValueRef>& replacements);
/// Takes out the nodes that are marked. Nothing may read their values any more.
void remove_nodes(FunctionSpec& function, const std::vector<char>& marked);

/// The text of an attribute that is a constant; null: another attribute, or one that depends on sizes.
const std::string* text_attribute(const NodeSpec& node, std::string_view name);
/// An integer attribute that is a constant; nothing: not given, or one that depends on sizes.
std::optional<std::int64_t> integer_attribute(const NodeSpec& node, std::string_view name);
void set_text_attribute(NodeSpec& node, std::string_view name, std::string value);

}  // namespace pyseq
