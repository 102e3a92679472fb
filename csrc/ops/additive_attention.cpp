// additive_attention: y = softmax(vᵀ tanh(query + key)) value, for queries and keys that are projected already.
#include <algorithm>
#include <vector>

#include "base/threads.h"
#include "kernels/dispatch.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/gradients.h"

namespace pyseq {
namespace {

enum Input { kQuery, kKey, kValue, kWeight, kLengths, kRows };
enum Output { kY, kWeights };
constexpr std::int64_t kUnitsPerChunk = 4096;  // hyperbolic tangents that are worth a thread

/// batch rows read sources of `keys` positions.
struct Sizes {
  std::int64_t batch, queries, width, sources, keys, value_width;

  explicit Sizes(const OpArgs& args)
      : batch(args.inputs[kQuery].size(0)),
        queries(args.inputs[kQuery].size(1)),
        width(args.inputs[kQuery].size(2)),
        sources(args.inputs[kKey].size(0)),
        keys(args.inputs[kKey].size(1)),
        value_width(args.inputs[kValue].size(2)) {}
};

void infer(const OpArgs& args, std::span<TensorType> outputs) {
  check_tensor(args.label, "query", args.inputs[kQuery], DType::float32, {-1, -1, -1});
  const Shape& query = args.inputs[kQuery].shape();
  const std::int64_t expected_sources = args.has(kRows) ? -1 : query[0];
  check_tensor(args.label, "key", args.inputs[kKey], DType::float32, {expected_sources, -1, query[2]},
               "from query " + query.to_string());
  const Shape& key = args.inputs[kKey].shape();
  check_tensor(args.label, "value", args.inputs[kValue], DType::float32, {key[0], key[1], -1},
               "from key " + key.to_string());
  check_tensor(args.label, "weight", args.inputs[kWeight], DType::float32, {query[2]},
               "last dimension of query " + query.to_string());
  if (args.has(kLengths)) {
    check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {key[0]},
                 "sources of key " + key.to_string());
  }
  if (args.has(kRows)) {
    check_tensor(args.label, "rows", args.inputs[kRows], DType::int64, {query[0]}, "batch of query");
  }
  outputs[kY] = {DType::float32, query.with(2, args.inputs[kValue].size(2))};
  outputs[kWeights] = {DType::float32, {query[0], 1, query[1], key[1]}};
}

/// Which source a row of the batch reads, and how many of its keys count. Reads data: checks it.
class Sources {
 public:
  Sources(const OpArgs& args, const Sizes& sizes) : keys_(sizes.keys) {
    if (args.has(kLengths)) {
      check_lengths(args.label, args.inputs[kLengths], sizes.sources, sizes.keys);
      lengths_ = args.inputs[kLengths].data<std::int64_t>();
    }
    if (args.has(kRows)) {
      check_indices(args.label, "rows", args.inputs[kRows].values<std::int64_t>(), sizes.sources,
                    "the " + std::to_string(sizes.sources) + " sources");
      rows_ = args.inputs[kRows].data<std::int64_t>();
    }
  }
  std::int64_t of(std::int64_t row) const { return rows_ == nullptr ? row : rows_[row]; }
  std::int64_t length(std::int64_t source) const { return lengths_ == nullptr ? keys_ : lengths_[source]; }

 private:
  std::int64_t keys_;
  const std::int64_t* lengths_ = nullptr;
  const std::int64_t* rows_ = nullptr;
};

std::int64_t rows_per_chunk(const Sizes& sizes) {
  return kUnitsPerChunk / (sizes.queries * sizes.keys * sizes.width + 1) + 1;
}

void forward(OpCall& call) {
  const Sizes sizes(call);
  const Sources sources(call, sizes);
  const float* query = call.inputs[kQuery].data<float>();
  const float* key = call.inputs[kKey].data<float>();
  const float* value = call.inputs[kValue].data<float>();
  const float* weight = call.inputs[kWeight].data<float>();
  float* y = call.outputs[kY].mutable_data<float>();
  const std::int64_t queries = sizes.batch * sizes.queries;
  const bool keep = call.outputs[kWeights].defined();
  float* weights =
      keep ? call.outputs[kWeights].mutable_data<float>() : call.scratch.allocate<float>(queries * sizes.keys);
  parallel_for(queries, kUnitsPerChunk / (sizes.keys * sizes.width + 1) + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t source = sources.of(i / sizes.queries), count = sources.length(source);
      const AdditiveAttentionF32 one{.keys = count,
                                     .width = sizes.width,
                                     .value_width = sizes.value_width,
                                     .query = query + i * sizes.width,
                                     .key = key + source * sizes.keys * sizes.width,
                                     .value = value + source * sizes.keys * sizes.value_width,
                                     .weight = weight,
                                     .probabilities = weights + i * sizes.keys,
                                     .out = y + i * sizes.value_width};
      kernels().additive_attention_f32(&one);
      std::fill(one.probabilities + count, one.probabilities + sizes.keys, 0.0F);
    }
  });
}

// ---- vjp: a source at a time, over the rows that read it in their order

/// The rows of the batch that read each source, ascending.
std::vector<std::vector<std::int64_t>> readers_of(const Sizes& sizes, const Sources& sources) {
  std::vector<std::vector<std::int64_t>> readers(static_cast<std::size_t>(sizes.sources));
  for (std::int64_t row = 0; row < sizes.batch; ++row) readers[sources.of(row)].push_back(row);
  return readers;
}

/// The gradient that is wanted, or memory in its place; zeros.
float* zeros_for(VjpCall& call, int input) {
  const std::int64_t count = call.inputs[input].num_elements();
  float* values =
      call.wants(input) ? call.grad_inputs[input].mutable_data<float>() : call.scratch.allocate<float>(count);
  std::fill_n(values, count, 0.0F);
  return values;
}

void vjp(VjpCall& call) {
  const Sizes sizes(call);
  const Sources sources(call, sizes);
  const auto readers = readers_of(sizes, sources);
  const float* query = call.inputs[kQuery].data<float>();
  const float* key = call.inputs[kKey].data<float>();
  const float* value = call.inputs[kValue].data<float>();
  const float* weights = call.outputs[kWeights].data<float>();
  const Tensor &dy = call.grad_outputs[kY], &dweights = call.grad_outputs[kWeights];
  float* dquery = zeros_for(call, kQuery);
  float* dkey = zeros_for(call, kKey);
  float* dvalue = call.wants(kValue) ? zeros_for(call, kValue) : nullptr;
  float* dweight = call.scratch.allocate<float>(sizes.sources * sizes.width);  // of every source
  std::fill_n(dweight, sizes.sources * sizes.width, 0.0F);
  float* dscores = call.scratch.allocate<float>(sizes.sources * sizes.keys);
  parallel_for(sizes.sources, rows_per_chunk(sizes), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t source = begin; source < end; ++source) {
      const std::int64_t first_key = source * sizes.keys;
      for (const std::int64_t row : readers[static_cast<std::size_t>(source)]) {
        for (std::int64_t i = row * sizes.queries; i < (row + 1) * sizes.queries; ++i) {
          const AdditiveAttentionGradientF32 one{
              .keys = sources.length(source),
              .width = sizes.width,
              .value_width = sizes.value_width,
              .query = query + i * sizes.width,
              .key = key + first_key * sizes.width,
              .value = value + first_key * sizes.value_width,
              .weight = call.inputs[kWeight].data<float>(),
              .probabilities = weights + i * sizes.keys,
              .dout = dy.defined() ? dy.data<float>() + i * sizes.value_width : nullptr,
              .dprobabilities = dweights.defined() ? dweights.data<float>() + i * sizes.keys : nullptr,
              .dscores = dscores + first_key,
              .dquery = dquery + i * sizes.width,
              .dkey = dkey + first_key * sizes.width,
              .dvalue = dvalue == nullptr ? nullptr : dvalue + first_key * sizes.value_width,
              .dweight = dweight + source * sizes.width};
          kernels().additive_attention_gradient_f32(&one);
        }
      }
    }
  });
  if (call.wants(kWeight)) {
    sum_rows(dweight, sizes.sources, sizes.width, call.grad_inputs[kWeight].mutable_data<float>(), call.scratch);
  }
}

/// A hyperbolic tangent counts as 20.
OpCost cost(const OpArgs& args, std::span<const TensorType> outputs) {
  const Sizes sizes(args);
  const auto pairs = static_cast<double>(sizes.batch * sizes.queries * sizes.keys);
  const double flops = pairs * (22.0 * static_cast<double>(sizes.width) + 2.0 * static_cast<double>(sizes.value_width));
  return {flops, bytes_moved(args, outputs)};
}

}  // namespace

void add_additive_attention_ops(std::vector<OpDef>& ops) {
  ops.push_back(
      {.name = "additive_attention",
       .inputs =
           {{"query"}, {"key"}, {"value"}, {"weight"}, {"lengths", InputKind::optional}, {"rows", InputKind::optional}},
       .attrs = {},
       .outputs = {{"y"}, {.name = "weights", .optional = true}},
       .infer = infer,
       .forward = forward,
       .cost = cost,
       .vjp = vjp,
       .vjp_reads = {VjpReads::bits({kQuery, kKey, kValue, kWeight, kLengths, kRows}), VjpReads::bits({kWeights})},
       .differentiable = VjpReads::bits({kQuery, kKey, kValue, kWeight})});
}

}  // namespace pyseq
