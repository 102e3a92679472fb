// matmul: y = a b, matrices of the last two dimensions, each possibly transposed.
#include <algorithm>
#include <utility>

#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"
#include "ops/unpacked_gemm.h"

namespace pyseq {
namespace {

enum Input { kA, kB };
enum Attribute { kTransposeA, kTransposeB };

/// What the shapes say: y [..., m, n] = a [..., m, k] * b [..., k, n].
struct Sizes {
  std::int64_t m, k, b_k, n;
};

Sizes sizes_of(const OpArgs& args) {
  const Tensor& a = args.inputs[kA];
  const Tensor& b = args.inputs[kB];
  const int ta = args.attrs.flag(kTransposeA) ? 1 : 0, tb = args.attrs.flag(kTransposeB) ? 1 : 0;
  return {a.size(-2 + ta), a.size(-1 - ta), b.size(-2 + tb), b.size(-1 - tb)};
}

/// Leading axes are the same in a and b, or b has none.
void check_leading_axes(const OpArgs& args) {
  const Tensor& a = args.inputs[kA];
  const Tensor& b = args.inputs[kB];
  if (b.rank() == 2) return;
  if (b.rank() == a.rank() && std::equal(a.shape().begin(), a.shape().end() - 2, b.shape().begin())) return;
  throw_shape(args.label, "b", "shape " + b.shape().to_string(),
              "2 dimensions, or the leading dimensions of a " + a.shape().to_string());
}

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& a = args.inputs[kA];
  const Tensor& b = args.inputs[kB];
  check_dtype(args.label, "a", a, DType::float32);
  check_dtype(args.label, "b", b, DType::float32);
  check_min_rank(args.label, "a", a, 2);
  check_min_rank(args.label, "b", b, 2);
  check_leading_axes(args);
  const Sizes sizes = sizes_of(args);
  if (sizes.k != sizes.b_k) {
    throw_shape(args.label, "b", "shape " + b.shape().to_string(),
                std::to_string(sizes.k) + (args.attrs.flag(kTransposeB) ? " columns" : " rows") + " (" +
                    (args.attrs.flag(kTransposeA) ? "rows" : "columns") + " of a " + a.shape().to_string() + ")");
  }
  outputs[0] = {DType::float32, a.shape().with(-2, sizes.m).with(-1, sizes.n)};
}

std::int64_t matrices_of(const Tensor& tensor) {
  std::int64_t count = 1;
  for (const std::int64_t* size = tensor.shape().begin(); size != tensor.shape().end() - 2; ++size) count *= *size;
  return count;
}

/// A row of `k` values times a transposed a is the same sums as a times a column of `k` values: nothing is packed 16
/// wide for the sake of one column.
UnpackedGemm with_a_row_for_the_column(UnpackedGemm product) {
  const GemmOperand column = product.b;
  product.b = {product.a.values, product.a.stride, !product.a.transposed};
  product.a = {column.values, product.k, false};
  std::swap(product.m, product.n);
  std::swap(product.a_step, product.b_step);
  product.ldc = product.n;
  return product;
}

void forward(OpCall& call) {
  const Tensor& a = call.inputs[kA];
  const Tensor& b = call.inputs[kB];
  const Sizes sizes = sizes_of(call);
  const bool transpose_a = call.attrs.flag(kTransposeA);
  UnpackedGemm product{.m = sizes.m,
                       .n = sizes.n,
                       .k = sizes.k,
                       .a = {a.data<float>(), a.size(-1), transpose_a},
                       .b = {b.data<float>(), b.size(-1), call.attrs.flag(kTransposeB)},
                       .c = call.outputs[0].mutable_data<float>(),
                       .ldc = sizes.n,
                       .count = matrices_of(a),
                       .a_step = sizes.m * sizes.k,
                       .b_step = b.rank() == 2 ? 0 : sizes.k * sizes.n,
                       .c_step = sizes.m * sizes.n};
  if (b.rank() == 2 && !transpose_a) {  // one product of all rows
    product.m *= product.count;
    product.count = 1;
  }
  if (product.n == 1) product = with_a_row_for_the_column(product);
  unpacked_gemm(product, call.limits);
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  return elementwise_cost(args, outputs, 2 * static_cast<double>(sizes_of(args).k));
}

// ---- vjp: with y = op(a) op(b), d op(a) = dy op(b)^T and d op(b) = op(a)^T dy

/// One matrix of an operand, or its transpose.
GemmOperand operand(const Tensor& tensor, bool transposed) {
  return {tensor.data<float>(), tensor.size(-1), transposed};
}

/// c = a b for every matrix; an operand of two dimensions takes part in all products.
void multiply_matrices(VjpCall& call, GemmOperand a, std::int64_t a_step, GemmOperand b, std::int64_t b_step,
                       std::int64_t k, std::int64_t count, Tensor& c) {
  const std::int64_t m = c.size(-2), n = c.size(-1);
  unpacked_gemm({.m = m,
                 .n = n,
                 .k = k,
                 .a = a,
                 .b = b,
                 .c = c.mutable_data<float>(),
                 .ldc = n,
                 .count = count,
                 .a_step = a_step,
                 .b_step = b_step,
                 .c_step = m * n},
                call.limits);
}

void vjp(VjpCall& call) {
  const Tensor& a = call.inputs[kA];
  const Tensor& b = call.inputs[kB];
  const Tensor& dy = call.grad_outputs[0];
  const Sizes sizes = sizes_of(call);
  const bool ta = call.attrs.flag(kTransposeA), tb = call.attrs.flag(kTransposeB), one_b = b.rank() == 2;
  const std::int64_t count = matrices_of(a);
  const std::int64_t a_step = sizes.m * sizes.k, b_step = one_b ? 0 : sizes.k * sizes.n, y_step = sizes.m * sizes.n;
  if (call.wants(kA)) {
    Tensor& da = call.grad_inputs[kA];
    if (ta) {
      multiply_matrices(call, operand(b, tb), b_step, operand(dy, true), y_step, sizes.n, count, da);
    } else {
      multiply_matrices(call, operand(dy, false), y_step, operand(b, !tb), b_step, sizes.n, count, da);
    }
  }
  if (!call.wants(kB)) return;
  // Every matrix has a gradient of its own; those of one b for all of them are added up.
  const bool add_up = one_b && count != 1;
  Tensor each = call.grad_inputs[kB];
  if (add_up) each = Tensor::empty(DType::float32, Shape{count, b.size(0), b.size(1)});
  if (tb) {
    multiply_matrices(call, operand(dy, true), y_step, operand(a, ta), a_step, sizes.m, count, each);
  } else {
    multiply_matrices(call, operand(a, !ta), a_step, operand(dy, false), y_step, sizes.m, count, each);
  }
  if (add_up) {
    sum_rows(each.data<float>(), count, b.num_elements(), call.grad_inputs[kB].mutable_data<float>(), call.scratch);
  }
}

}  // namespace

void add_matmul_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "matmul",
                 .inputs = {{"a"}, {"b"}},
                 .attrs = {{"transpose_a", false}, {"transpose_b", false}},
                 .outputs = {{"y"}},
                 .infer = infer,
                 .forward = forward,
                 .cost = cost,
                 .vjp = vjp,
                 .vjp_reads = {VjpReads::bits({kA, kB})},
                 .differentiable = VjpReads::bits({kA, kB})});
}

}  // namespace pyseq
