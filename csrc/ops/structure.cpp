// Moving values around: concat, slice and gather_rows. They take every element type.
#include <algorithm>
#include <cstring>

#include "base/threads.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"

namespace pyseq {
namespace {

constexpr std::int64_t kBytesPerChunk = 65536;

const std::byte* bytes_in(const Tensor& tensor) {
  return static_cast<const std::byte*>(tensor.raw());
}
std::byte* bytes_in(Tensor& tensor) {
  return static_cast<std::byte*>(tensor.mutable_raw());
}

std::int64_t product(const std::int64_t* begin, const std::int64_t* end) {
  std::int64_t count = 1;
  for (const std::int64_t* size = begin; size != end; ++size) count *= *size;
  return count;
}

/// copy(index) for every index; `bytes` is what one copy moves.
template <typename Copy>
void parallel_copies(std::int64_t count, std::int64_t bytes, Copy copy) {
  if (bytes == 0) return;
  parallel_for(count, kBytesPerChunk / bytes + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) copy(index);
  });
}

OpCost cost_of_copy(const OpArgs&, std::span<const TensorType> outputs) {
  return {0, 2 * bytes_of(outputs[0])};
}

// ---- concat: a [..., m], b [..., n] -> [..., m + n]

void infer_concat(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& a = args.inputs[0];
  const Tensor& b = args.inputs[1];
  check_dtype(args.label, "a", a, a.dtype());
  check_dtype(args.label, "b", b, a.dtype());
  check_min_rank(args.label, "a", a, 1);
  check_rank(args.label, "b", b, a.rank());
  const Shape expected = a.shape().with(-1, b.size(-1));
  if (!(b.shape() == expected)) {
    throw_shape(args.label, "b", "shape " + b.shape().to_string(),
                "sizes of a " + a.shape().to_string() + " in all dimensions but the last");
  }
  outputs[0] = {a.dtype(), a.shape().with(-1, a.size(-1) + b.size(-1))};
}

void forward_concat(OpCall& call) {
  const Tensor& a = call.inputs[0];
  const Tensor& b = call.inputs[1];
  const auto item = static_cast<std::int64_t>(item_size(a.dtype()));
  const std::int64_t bytes_a = a.size(-1) * item, bytes_b = b.size(-1) * item, bytes_y = bytes_a + bytes_b;
  const std::int64_t rows = product(a.shape().begin(), a.shape().end() - 1);
  std::byte* y = bytes_in(call.outputs[0]);
  parallel_copies(rows, bytes_y, [&](std::int64_t row) {
    if (bytes_a > 0) std::memcpy(y + row * bytes_y, bytes_in(a) + row * bytes_a, bytes_a);
    if (bytes_b > 0) std::memcpy(y + row * bytes_y + bytes_a, bytes_in(b) + row * bytes_b, bytes_b);
  });
}

void vjp_concat(VjpCall& call) {
  const Tensor& dy = call.grad_outputs[0];
  const std::int64_t width = dy.size(-1), rows = product(dy.shape().begin(), dy.shape().end() - 1);
  const float* from = dy.data<float>();
  for (int input = 0; input < 2; ++input) {
    if (!call.wants(input)) continue;
    const std::int64_t begin = input == 0 ? 0 : call.inputs[0].size(-1), count = call.inputs[input].size(-1);
    float* to = call.grad_inputs[input].mutable_data<float>();
    parallel_copies(rows, count * static_cast<std::int64_t>(sizeof(float)),
                    [&](std::int64_t row) { std::copy_n(from + row * width + begin, count, to + row * count); });
  }
}

// ---- slice: x[begin:end] along one axis, 0 <= begin <= end <= size

enum SliceAttribute { kAxis, kBegin, kEnd };

int slice_axis(const OpArgs& args) {
  const std::int64_t axis = args.attrs.integer(kAxis), rank = args.inputs[0].rank();
  if (axis < -rank || axis >= rank) {
    throw_value(args.label, "axis", std::to_string(axis), "an axis of x " + args.inputs[0].shape().to_string());
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

void infer_slice(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[0];
  check_dtype(args.label, "x", x, x.dtype());
  const int axis = slice_axis(args);
  const std::int64_t begin = args.attrs.integer(kBegin), end = args.attrs.integer(kEnd);
  const std::string size_of_axis =
      std::to_string(x.size(axis)) + " (axis " + std::to_string(axis) + " of x " + x.shape().to_string() + ")";
  if (end < 0 || end > x.size(axis)) {
    throw_value(args.label, "end", std::to_string(end), "0 to " + size_of_axis);
  }
  if (begin < 0 || begin > end) {
    throw_value(args.label, "begin", std::to_string(begin), "0 to " + std::to_string(end) + " (end)");
  }
  outputs[0] = {x.dtype(), x.shape().with(axis, end - begin)};
}

void forward_slice(OpCall& call) {
  const Tensor& x = call.inputs[0];
  const int axis = slice_axis(call);
  const std::int64_t begin = call.attrs.integer(kBegin), end = call.attrs.integer(kEnd);
  const std::int64_t inner =
      product(x.shape().begin() + axis + 1, x.shape().end()) * static_cast<std::int64_t>(item_size(x.dtype()));
  const std::int64_t stride = x.size(axis) * inner, length = (end - begin) * inner;
  std::byte* y = bytes_in(call.outputs[0]);
  parallel_copies(product(x.shape().begin(), x.shape().begin() + axis), length, [&](std::int64_t row) {
    std::memcpy(y + row * length, bytes_in(x) + row * stride + begin * inner, length);
  });
}

void vjp_slice(VjpCall& call) {
  Tensor& dx = call.grad_inputs[0];
  const int axis = slice_axis(call);
  const std::int64_t inner = product(dx.shape().begin() + axis + 1, dx.shape().end());
  const std::int64_t before = call.attrs.integer(kBegin) * inner, length = call.grad_outputs[0].size(axis) * inner;
  const std::int64_t stride = dx.size(axis) * inner;
  const float* from = call.grad_outputs[0].data<float>();
  float* to = dx.mutable_data<float>();
  parallel_copies(product(dx.shape().begin(), dx.shape().begin() + axis),
                  stride * static_cast<std::int64_t>(sizeof(float)), [&](std::int64_t row) {
                    float* begin = std::fill_n(to + row * stride, before, 0.0F);
                    float* end = std::copy_n(from + row * length, length, begin);
                    std::fill(end, to + (row + 1) * stride, 0.0F);
                  });
}

// ---- gather_rows: y[r] = x[rows[r]]

void infer_gather_rows(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[0];
  const Tensor& rows = args.inputs[1];
  check_dtype(args.label, "x", x, x.dtype());
  check_min_rank(args.label, "x", x, 1);
  check_tensor(args.label, "rows", rows, DType::int64, {-1});
  outputs[0] = {x.dtype(), x.shape().with(0, rows.size(0))};
}

void forward_gather_rows(OpCall& call) {
  const Tensor& x = call.inputs[0];
  const auto rows = call.inputs[1].values<std::int64_t>();
  check_indices(call.label, "rows", rows, x.size(0), "the " + std::to_string(x.size(0)) + " rows of x");
  const std::int64_t bytes =
      product(x.shape().begin() + 1, x.shape().end()) * static_cast<std::int64_t>(item_size(x.dtype()));
  std::byte* y = bytes_in(call.outputs[0]);
  parallel_copies(static_cast<std::int64_t>(rows.size()), bytes,
                  [&](std::int64_t row) { std::memcpy(y + row * bytes, bytes_in(x) + rows[row] * bytes, bytes); });
}

void vjp_gather_rows(VjpCall& call) {
  Tensor& dx = call.grad_inputs[0];
  sum_rows_by_id(call.grad_outputs[0].data<float>(), call.inputs[1].values<std::int64_t>(), dx.size(0),
                 product(dx.shape().begin() + 1, dx.shape().end()), dx.mutable_data<float>());
}

}  // namespace

void add_structure_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "concat",
                 .inputs = {{"a"}, {"b"}},
                 .attrs = {},
                 .outputs = {{"y"}},
                 .infer = infer_concat,
                 .forward = forward_concat,
                 .cost = cost_of_copy,
                 .vjp = vjp_concat,
                 .differentiable = VjpReads::bits({0, 1})});
  ops.push_back({.name = "slice",
                 .inputs = {{"x"}},
                 .attrs = {{.name = "axis", .default_value = std::int64_t{0}, .required = true},
                           {.name = "begin", .default_value = std::int64_t{0}, .required = true},
                           {.name = "end", .default_value = std::int64_t{0}, .required = true}},
                 .outputs = {{"y"}},
                 .infer = infer_slice,
                 .forward = forward_slice,
                 .cost = cost_of_copy,
                 .vjp = vjp_slice,
                 .differentiable = VjpReads::bits({0})});
  ops.push_back({.name = "gather_rows",
                 .inputs = {{"x"}, {"rows"}},
                 .attrs = {},
                 .outputs = {{"y"}},
                 .infer = infer_gather_rows,
                 .forward = forward_gather_rows,
                 .cost = cost_of_copy,
                 .vjp = vjp_gather_rows,
                 .vjp_reads = {VjpReads::bits({1})},
                 .differentiable = VjpReads::bits({0})});
}

}  // namespace pyseq
