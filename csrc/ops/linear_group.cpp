// linear_pair and linear_triple: several linear maps of the same x. Its rows are prepared once (rounded or quantised,
// where weights are narrow) and one parallel section computes all of them; every y has the bits of a linear.
#include <array>
#include <vector>

#include "base/packing.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/product.h"
#include "ops/unpacked_gemm.h"

namespace pyseq {
namespace {

// Inputs: x, then the weights, then their biases.
constexpr int kX = 0;
constexpr std::array<std::string_view, 3> kWeightNames{"weight_0", "weight_1", "weight_2"};
constexpr std::array<std::string_view, 3> kBiasNames{"bias_0", "bias_1", "bias_2"};
constexpr std::array<std::string_view, 3> kOutputNames{"y_0", "y_1", "y_2"};

int weight_at(int map) {
  return 1 + map;
}
int bias_at(int count, int map) {
  return 1 + count + map;
}

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& x = args.inputs[kX];
  check_dtype(args.label, "x", x, DType::float32);
  check_min_rank(args.label, "x", x, 1);
  const int count = static_cast<int>(outputs.size());
  for (int map = 0; map < count; ++map) {
    const Tensor& weight = args.inputs[weight_at(map)];
    check_weight(args.label, kWeightNames[map], weight, 1, -1, x.size(-1),
                 "[out, last dimension of x " + x.shape().to_string() + "]");
    if (args.has(bias_at(count, map))) {
      check_tensor(args.label, kBiasNames[map], args.inputs[bias_at(count, map)], DType::float32, {weight.size(0)},
                   "first dimension of " + std::string(kWeightNames[map]) + " " + weight.shape().to_string());
    }
    outputs[map] = {DType::float32, x.shape().with(-1, weight.size(0))};
  }
}

/// A row-major weight is read as it is, as by linear.
void multiply_unpacked(OpCall& call, int map, const GemmEpilogue& epilogue) {
  const Tensor& weight = call.inputs[weight_at(map)];
  Tensor& y = call.outputs[map];
  const std::int64_t columns = weight.size(0), in = weight.size(1);
  unpacked_gemm({.m = y.num_elements() / columns,
                 .n = columns,
                 .k = in,
                 .a = {call.inputs[kX].data<float>(), in},
                 .b = {weight.data<float>(), in, true},
                 .epilogue = epilogue,
                 .c = y.mutable_data<float>(),
                 .ldc = columns},
                call.limits);
}

void forward(OpCall& call) {
  const int count = static_cast<int>(call.outputs.size());
  const std::int64_t in = call.inputs[kX].size(-1);
  std::vector<Product> products;
  for (int map = 0; map < count; ++map) {
    const Tensor& weight = call.inputs[weight_at(map)];
    Tensor& y = call.outputs[map];
    if (y.num_elements() == 0) continue;
    GemmEpilogue epilogue;
    if (call.has(bias_at(count, map))) epilogue.bias = call.inputs[bias_at(count, map)].data<float>();
    if (!weight.is_packed()) {
      multiply_unpacked(call, map, epilogue);
      continue;
    }
    products.push_back({.m = y.num_elements() / weight.size(0),
                        .n = weight.size(0),
                        .b = weight_panels(weight, 1, call.scratch),
                        .panel = kPanelColumns,
                        .epilogue = epilogue,
                        .c = y.mutable_data<float>(),
                        .ldc = weight.size(0)});
  }
  parallel_multiply(products, call.inputs[kX].data<float>(), in, call.scratch, call.limits);
}

OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  OpCost cost{0, bytes_moved(args, outputs)};
  const auto in = static_cast<double>(args.inputs[kX].size(-1));
  for (const TensorType& y : outputs) cost.flops += 2 * in * static_cast<double>(y.shape.num_elements());
  for (const TensorType& y : outputs.subspan(1)) cost.bytes += bytes_of(y);
  return cost;
}

OpDef group(std::string_view name, std::size_t count) {
  OpDef op{.name = name, .inputs = {{"x"}}, .infer = infer, .forward = forward, .cost = cost};
  for (std::size_t map = 0; map < count; ++map) op.inputs.push_back({.name = kWeightNames[map], .pack_gates = 1});
  for (std::size_t map = 0; map < count; ++map) op.inputs.push_back({kBiasNames[map], InputKind::optional});
  for (std::size_t map = 0; map < count; ++map) op.outputs.push_back({kOutputNames[map]});
  return op;
}

}  // namespace

void add_linear_group_ops(std::vector<OpDef>& ops) {
  ops.push_back(group("linear_pair", 2));
  ops.push_back(group("linear_triple", 3));
}

}  // namespace pyseq
