// pack_rows, unpack_rows and mask_rows: the valid steps of a ragged batch x [batch, time, ...], without their padding,
// back in their places, and with zeros for padding. They take every element type.
#include "ops/padding.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/threads.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {

std::vector<std::int64_t> packed_starts(std::string_view label, const Tensor& lengths, std::int64_t batch,
                                        std::int64_t time) {
  check_lengths(label, lengths, batch, time);
  std::vector<std::int64_t> starts(static_cast<std::size_t>(batch) + 1);
  for (std::int64_t row = 0; row < batch; ++row) starts[row + 1] = starts[row] + lengths.data<std::int64_t>()[row];
  return starts;
}

void check_row_lengths(const OpArgs& args, const Tensor& x, int row_lengths) {
  if (!args.has(row_lengths)) return;
  check_tensor(args.label, "row_lengths", args.inputs[row_lengths], DType::int64, {x.size(0)},
               "batch of " + x.shape().to_string());
}

void refuse_packed(const OpArgs& args, int row_lengths) {
  if (!args.has(row_lengths)) return;
  throw UnsupportedError(std::string(args.label) + ": row_lengths has a value, expected none (no gradient with it)");
}

RowSteps::RowSteps(const OpArgs& args, const Tensor& x, int row_lengths) : batch_(x.size(0)), time_(x.size(1)) {
  if (args.has(row_lengths)) starts_ = packed_starts(args.label, args.inputs[row_lengths], batch_, time_);
}

OpCost cost_of_packed(const OpArgs& args, const Tensor& x, int row_lengths, OpCost whole) {
  const std::int64_t padded = x.size(0) * x.size(1);
  // Sizes alone say nothing about the lengths.
  if (!args.has(row_lengths) || args.inputs[row_lengths].raw() == nullptr || padded == 0) return whole;
  const auto lengths = args.inputs[row_lengths].values<std::int64_t>();
  const double share = static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0})) /
                       static_cast<double>(padded);
  return {share * whole.flops, share * whole.bytes};
}

namespace {

enum Input { kX, kLengths };

constexpr std::int64_t kBytesPerChunk = 65536;

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_dtype(args.label, "x", x, x.dtype());
  check_min_rank(args.label, "x", x, 2);
  check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {x.size(0)},
               "batch of x " + x.shape().to_string());
  outputs[0] = {x.dtype(), x.shape()};
}

/// A ragged batch in both layouts.
struct Layout {
  std::vector<std::int64_t> starts;
  std::int64_t batch, time, step_bytes;

  /// `shape` [batch, time, ...] is the padded one.
  Layout(std::string_view label, const Shape& shape, DType dtype, const Tensor& lengths)
      : starts(packed_starts(label, lengths, shape[0], shape[1])),
        batch(shape[0]),
        time(shape[1]),
        step_bytes(static_cast<std::int64_t>(item_size(dtype))) {
    for (int axis = 2; axis < shape.rank(); ++axis) step_bytes *= shape[axis];
  }

  std::int64_t steps(std::int64_t row) const { return starts[row + 1] - starts[row]; }
  std::int64_t packed(std::int64_t row) const { return starts[row] * step_bytes; }
  std::int64_t padded(std::int64_t row) const { return row * time * step_bytes; }
};

/// visit(row) for every row of the batch.
template <typename Visit>
void for_each_row(const Layout& layout, Visit visit) {
  const std::int64_t row_bytes = layout.time * layout.step_bytes;
  if (row_bytes == 0) return;
  parallel_for(layout.batch, kBytesPerChunk / row_bytes + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) visit(row);
  });
}

const std::byte* bytes_in(const Tensor& tensor) {
  return static_cast<const std::byte*>(tensor.raw());
}
std::byte* bytes_in(Tensor& tensor) {
  return static_cast<std::byte*>(tensor.mutable_raw());
}

/// y has the shape of x, or only the steps that are packed.
void pack(std::string_view label, const Tensor& x, const Tensor& lengths, Tensor& y) {
  const Layout layout(label, x.shape(), x.dtype(), lengths);
  std::byte* to = bytes_in(y);
  for_each_row(layout, [&](std::int64_t row) {
    std::memcpy(to + layout.packed(row), bytes_in(x) + layout.padded(row), layout.steps(row) * layout.step_bytes);
  });
  const std::int64_t filled = layout.packed(layout.batch);
  std::fill(to + filled, to + y.num_bytes(), std::byte{0});
}

/// Valid steps from `from` into y [batch, time, ...], zeros behind those of each row. place(row): where in `from`.
template <typename Place>
void spread(const Layout& layout, const std::byte* from, Place place, Tensor& y) {
  for_each_row(layout, [&](std::int64_t row) {
    std::byte* to = bytes_in(y) + layout.padded(row);
    const std::int64_t valid = layout.steps(row) * layout.step_bytes;
    std::memcpy(to, from + place(row), valid);
    std::fill(to + valid, to + layout.time * layout.step_bytes, std::byte{0});
  });
}

void unpack(std::string_view label, const Tensor& x, const Tensor& lengths, Tensor& y) {
  const Layout layout(label, y.shape(), y.dtype(), lengths);
  spread(layout, bytes_in(x), [&](std::int64_t row) { return layout.packed(row); }, y);
}

void mask(std::string_view label, const Tensor& x, const Tensor& lengths, Tensor& y) {
  const Layout layout(label, y.shape(), y.dtype(), lengths);
  spread(layout, bytes_in(x), [&](std::int64_t row) { return layout.padded(row); }, y);
}

using Move = void (*)(std::string_view label, const Tensor& x, const Tensor& lengths, Tensor& y);

template <Move kMove>
void forward(OpCall& call) {
  kMove(call.label, call.inputs[kX], call.inputs[kLengths], call.outputs[0]);
}

template <Move kBack>
void vjp(VjpCall& call) {
  kBack(call.label, call.grad_outputs[0], call.inputs[kLengths], call.grad_inputs[kX]);
}

OpCost cost(const OpArgs&, std::span<const TensorType> outputs) {
  return {0, 2 * bytes_of(outputs[0])};
}
/// Only packed steps are moved.
OpCost cost_of_packing(const OpArgs& args, std::span<const TensorType> outputs) {
  return cost_of_packed(args, args.inputs[kX], kLengths, cost(args, outputs));
}

template <Move kMove, Move kBack>
OpDef op(std::string_view name, OpCost (*cost)(const OpArgs&, std::span<const TensorType>)) {
  return {.name = name,
          .inputs = {{"x"}, {"lengths"}},
          .attrs = {},
          .outputs = {{"y"}},
          .infer = infer,
          .forward = forward<kMove>,
          .cost = cost,
          .vjp = vjp<kBack>,
          .vjp_reads = {VjpReads::bits({kLengths})},
          .differentiable = VjpReads::bits({kX})};
}

}  // namespace

void add_padding_ops(std::vector<OpDef>& ops) {
  ops.push_back(op<pack, unpack>("pack_rows", cost_of_packing));
  ops.push_back(op<unpack, pack>("unpack_rows", cost));
  ops.push_back(op<mask, mask>("mask_rows", cost));
}

}  // namespace pyseq
