#include "graph/capture.h"

#include <algorithm>

namespace pyseq {
namespace {

bool has_node(const CompiledFunction& function, const std::string& path) {
  return std::any_of(function.nodes.begin(), function.nodes.end(),
                     [&](const CompiledNode& node) { return node.label == path; });
}

bool is_in_body(const CompiledProgram& program, const CompiledFunction& function, const std::string& path) {
  for (const CompiledNode& node : function.nodes) {
    if (!node.loop) continue;
    const CompiledFunction& body = program.functions[node.loop->body];
    if (has_node(body, path) || is_in_body(program, body, path)) return true;
  }
  return false;
}

std::string capturable_paths(const CompiledFunction& function) {
  std::string text;
  for (const CompiledNode& node : function.nodes) {
    if (node.capturable >= 0) text += (text.empty() ? "" : ", ") + node.label;
  }
  return text.empty() ? "nothing" : text;
}

int find_node(const CompiledProgram& program, const CompiledFunction& function, const std::string& path) {
  for (int i = static_cast<int>(function.nodes.size()) - 1; i >= 0; --i) {
    if (function.nodes[i].label == path && function.nodes[i].capturable >= 0) return i;
  }
  const std::string subject = function.name + ": capture of \"" + path + "\": ";
  if (is_in_body(program, function, path)) {
    throw ValueError(subject + "the node lies inside the body of a scan or repeat, where nothing can be captured");
  }
  throw ValueError(subject + (has_node(function, path) ? "the node has no optional output" : "no such node") +
                   "; the function can capture " + capturable_paths(function));
}

}  // namespace

std::vector<Capture> find_captures(const CompiledProgram& program, const CompiledFunction& function,
                                   const std::vector<std::string>& paths) {
  std::vector<Capture> captures;
  for (const std::string& path : paths) {
    const auto is_it = [&](const Capture& capture) { return capture.path == path; };
    if (std::any_of(captures.begin(), captures.end(), is_it)) continue;
    captures.push_back({path, find_node(program, function, path)});
  }
  std::sort(captures.begin(), captures.end(), [](const Capture& a, const Capture& b) { return a.node < b.node; });
  return captures;
}

}  // namespace pyseq
