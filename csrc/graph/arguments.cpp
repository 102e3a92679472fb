#include "graph/arguments.h"

#include <algorithm>
#include <string>

namespace pyseq {
namespace {

std::string in_quotes(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text;
}

std::string pattern(const ArgumentInfo& argument) {
  std::string text = "[";
  for (const std::string& dim : argument.dims) text += (text.size() > 1 ? ", " : "") + dim;
  return text + "]";
}

void check_has_data(const CompiledFunction& function, const std::string& name, const Tensor& tensor) {
  if (!tensor.defined() || (tensor.raw() == nullptr && tensor.num_elements() > 0)) {
    throw ValueError(function.name + ": input " + name + " has no data");
  }
  if (tensor.is_packed()) {
    throw ValueError(function.name + ": input " + name + " is a packed weight, expected a row-major tensor");
  }
}

/// Where a named size was seen first.
struct SeenSize {
  std::int64_t size = -1;
  int argument = -1;
};

void check_dims(const CompiledFunction& function, int index, const Shape& shape, std::vector<SeenSize>& seen) {
  const std::string subject = function.name + ": " + function.inputs[index].name;
  const std::vector<CompiledDim>& dims = function.dims[index];
  if (shape.rank() != static_cast<int>(dims.size())) {
    throw ShapeError(subject + " has shape " + shape.to_string() + ", expected " + pattern(function.inputs[index]));
  }
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const CompiledDim& dim = dims[axis];
    SeenSize unnamed{dim.size, -1};
    SeenSize& expected = dim.name >= 0 ? seen[dim.name] : unnamed;
    if (expected.size < 0) expected = {shape[axis], index};
    if (shape[axis] == expected.size) continue;
    std::string reason = pattern(function.inputs[index]);
    if (dim.name >= 0) reason = function.dim_names[dim.name] + " of " + function.inputs[expected.argument].name;
    throw ShapeError(subject + " has shape " + shape.to_string() + ", expected " + std::to_string(expected.size) +
                     " on axis " + std::to_string(axis) + " (" + reason + ")");
  }
}

}  // namespace

std::vector<Tensor> collect_arguments(const CompiledFunction& function, const NamedTensors& given) {
  std::vector<Tensor> arguments;
  std::vector<std::string> missing, unexpected;
  for (const ArgumentInfo& input : function.inputs) {
    const auto found = given.find(input.name);
    if (found == given.end()) {
      missing.push_back(input.name);
      continue;
    }
    check_has_data(function, input.name, found->second);
    arguments.push_back(found->second);
  }
  for (const auto& [name, tensor] : given) {
    const auto is_it = [&name = name](const ArgumentInfo& input) { return input.name == name; };
    if (std::none_of(function.inputs.begin(), function.inputs.end(), is_it)) unexpected.push_back(name);
  }
  if (missing.empty() && unexpected.empty()) return arguments;
  std::string problem;
  if (!missing.empty()) problem = "missing input " + in_quotes(missing);
  if (!unexpected.empty()) problem += (problem.empty() ? "" : ", ") + ("unexpected input " + in_quotes(unexpected));
  std::vector<std::string> expected;
  for (const ArgumentInfo& input : function.inputs) expected.push_back(input.name);
  throw ValueError(function.name + ": " + problem + "; the function takes " +
                   (expected.empty() ? "none" : in_quotes(expected)));
}

void check_arguments(const CompiledFunction& function, std::span<const Tensor> arguments) {
  std::vector<SeenSize> seen(function.dim_names.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const ArgumentInfo& input = function.inputs[i];
    if (arguments[i].dtype() != input.dtype) {
      throw DTypeError(function.name + ": " + input.name + " has dtype " + dtype_name(arguments[i].dtype()) +
                       ", expected " + dtype_name(input.dtype));
    }
    check_dims(function, static_cast<int>(i), arguments[i].shape(), seen);
  }
}

std::int64_t size_of_dim(const CompiledFunction& function, std::span<const Tensor> arguments, std::string_view name) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    for (std::size_t axis = 0; axis < function.dims[i].size(); ++axis) {
      const int index = function.dims[i][axis].name;
      if (index >= 0 && function.dim_names[index] == name) return arguments[i].size(static_cast<int>(axis));
    }
  }
  return -1;
}

}  // namespace pyseq
