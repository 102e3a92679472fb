// Axes taken apart and put together: split_axis and merge_axes. The values stay in their order.
#include <cstring>
#include <span>
#include <vector>

#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {
namespace {

enum Attribute { kAxis, kSize };

/// The axis as a number from 0; `count` axes must stand from it on.
int checked_axis(const OpArgs& args, int count) {
  const std::int64_t axis = args.attrs.integer(kAxis), rank = args.inputs[0].rank();
  const std::int64_t from_start = axis < 0 ? axis + rank : axis;
  if (from_start < 0 || from_start + count > rank) {
    throw_value(args.label, "axis", std::to_string(axis),
                (count == 2 ? "an axis with another one behind it, of x " : "an axis of x ") +
                    args.inputs[0].shape().to_string());
  }
  return static_cast<int>(from_start);
}

/// The sizes of x with `count` of them, from the axis on, replaced.
Shape replaced(const Shape& shape, int axis, int count, std::initializer_list<std::int64_t> sizes) {
  std::vector<std::int64_t> result(shape.begin(), shape.begin() + axis);
  result.insert(result.end(), sizes);
  result.insert(result.end(), shape.begin() + axis + count, shape.end());
  return Shape(result);
}

// ---- split_axis: [..., n, ...] -> [..., n / size, size, ...]

void infer_split(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[0];
  check_dtype(args.label, "x", x, x.dtype());
  const int axis = checked_axis(args, 1);
  const std::int64_t size = args.attrs.integer(kSize), whole = x.size(axis);
  if (size < 1 || whole % size != 0) {
    throw_value(args.label, "size", std::to_string(size),
                "a divisor of " + std::to_string(whole) + " (axis " + std::to_string(axis) + " of x " +
                    x.shape().to_string() + ")");
  }
  if (x.rank() == kMaxRank) {
    throw_shape(args.label, "x", "rank " + std::to_string(x.rank()), "at most " + std::to_string(kMaxRank - 1));
  }
  outputs[0] = {x.dtype(), replaced(x.shape(), axis, 1, {whole / size, size})};
}

// ---- merge_axes: [..., m, n, ...] -> [..., m · n, ...]

void infer_merge(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[0];
  check_dtype(args.label, "x", x, x.dtype());
  const int axis = checked_axis(args, 2);
  outputs[0] = {x.dtype(), replaced(x.shape(), axis, 2, {x.size(axis) * x.size(axis + 1)})};
}

// ---- both

void copy(OpCall& call) {
  const Tensor& x = call.inputs[0];
  if (x.num_bytes() > 0) std::memcpy(call.outputs[0].mutable_raw(), x.raw(), x.num_bytes());
}

/// The gradient as it came, in the shape of x.
void vjp(VjpCall& call) {
  call.grad_inputs[0] = call.grad_outputs[0].reshaped(call.inputs[0].shape());
}

OpCost cost(const OpArgs&, std::span<const TensorType> outputs) {
  return {0, 2 * bytes_of(outputs[0])};
}

OpDef definition(std::string_view name, std::vector<AttrDef> attrs,
                 void (*infer)(const OpArgs&, std::span<TensorType>)) {
  return {.name = name,
          .inputs = {{"x"}},
          .attrs = std::move(attrs),
          .outputs = {{"y"}},
          .infer = infer,
          .forward = copy,
          .cost = cost,
          .vjp = vjp,
          .differentiable = VjpReads::bits({0})};
}

}  // namespace

void add_axes_ops(std::vector<OpDef>& ops) {
  const AttrDef axis{.name = "axis", .default_value = std::int64_t{0}, .required = true};
  const AttrDef size{.name = "size", .default_value = std::int64_t{1}, .required = true};
  ops.push_back(definition("split_axis", {axis, size}, infer_split));
  ops.push_back(definition("merge_axes", {axis}, infer_merge));
}

}  // namespace pyseq
