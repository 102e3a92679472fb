// cached_attention over keys and values that a cache collects step by step.
#include <algorithm>

#include "ops/attention_args.h"
#include "ops/cost.h"
#include "ops/families.h"

namespace pyseq {
namespace {

enum Input { kQuery, kKey, kValue, kLengths, kBias, kSlopes, kRelative };  // the cache is not counted
enum Attribute { kNumHeads, kScale, kWindow, kWeightHeads, kNumKvHeads };
constexpr AttentionInputs kInputs{kBias, kSlopes, kRelative};
constexpr AttentionAttributes kAttributes{kNumHeads, kScale, kNumKvHeads, kWindow, kWeightHeads};

const KvCache& cache_of(const OpArgs& args) {
  if (args.caches.empty() || args.caches[0] == nullptr) {
    throw ValueError(std::string(args.label) + ": cache is missing");
  }
  return *args.caches[0];
}

/// The cache holds num_kv_heads heads, which is num_heads unless it is given.
std::int64_t checked_query_heads(const OpArgs& args, const KvCache& cache) {
  const HeadCounts heads = checked_heads(args, kAttributes);
  if (heads.kv_heads != cache.heads()) {
    throw_value(args.label, args.attrs.integer(kNumKvHeads) == 0 ? "num_heads" : "num_kv_heads",
                std::to_string(heads.kv_heads), std::to_string(cache.heads()) + " (heads of the cache)");
  }
  return heads.heads;
}

void infer_cached(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& query = args.inputs[kQuery];
  const KvCache& cache = cache_of(args);
  const std::int64_t heads = checked_query_heads(args, cache);
  check_attributes(args, kAttributes, heads);
  const std::int64_t key_width = cache.heads() * cache.head_dim(), value_width = cache.heads() * cache.value_dim();
  check_tensor(args.label, "query", query, DType::float32, {cache.rows(), -1, heads * cache.head_dim()},
               "rows and heads * head_dim of the cache");
  const std::int64_t batch = query.size(0), time = query.size(1);
  check_tensor(args.label, "key", args.inputs[kKey], DType::float32, {batch, time, key_width}, "as query");
  check_tensor(args.label, "value", args.inputs[kValue], DType::float32, {batch, time, value_width},
               "as query, heads * value_dim of the cache");
  if (args.has(kLengths)) {
    check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {batch},
                 "rows of " + quote_shape("query", query));
  }
  check_score_inputs(args, kInputs, heads, -1);
  outputs[0] = {DType::float32, {batch, time, heads * cache.value_dim()}};
  outputs[1] = {DType::float32, {batch, weight_head_count(args, kAttributes, heads), time, cache.max_length() + time}};
}

/// Appends to a cache, and takes the new positions back unless keep() says that the call has succeeded.
class Append {
 public:
  Append(KvCache& cache, const Tensor& key, const Tensor& value, std::span<const std::int64_t> lengths)
      : cache_(cache) {
    for (std::int64_t row = 0; row < cache.rows(); ++row) before_.push_back(cache.length(row));
    cache.append(key, value, lengths);
  }
  ~Append() {
    if (!kept_) cache_.truncate(before_);
  }
  Append(const Append&) = delete;
  Append& operator=(const Append&) = delete;

  std::int64_t length_before(std::int64_t row) const { return before_[static_cast<std::size_t>(row)]; }
  const std::vector<std::int64_t>& lengths_before() const { return before_; }
  void keep() { kept_ = true; }

 private:
  KvCache& cache_;
  std::vector<std::int64_t> before_;
  bool kept_ = false;
};

/// A bias has a value for every position held, more are ignored.
void check_bias_positions(const OpCall& call, const KvCache& cache) {
  if (!call.has(kBias) || call.inputs[kBias].size(-1) >= cache.max_length()) return;
  throw_shape(call.label, "bias", std::to_string(call.inputs[kBias].size(-1)) + " positions",
              "at least the " + std::to_string(cache.max_length()) + " of the cache");
}

/// What is added to the scores, whichever way it is given; the first query of a row stands behind what the row held.
AttentionBias bias_of(OpCall& call, const std::vector<std::int64_t>& before) {
  if (!call.has(kRelative)) return attention_bias(call, kBias);
  const std::int64_t most = before.empty() ? 0 : *std::max_element(before.begin(), before.end());
  const std::int64_t positions = most + call.inputs[kQuery].size(1);
  AttentionBias bias = relative_bias(call.inputs[kRelative], positions, 0, call.scratch);
  bias.row_shifts = before.data();
  return bias;
}

void forward_cached(OpCall& call) {
  KvCache& cache = *call.caches[0];
  const Tensor& query = call.inputs[kQuery];
  const std::int64_t batch = query.size(0), time = query.size(1), window = call.attrs.integer(kWindow);
  std::span<const std::int64_t> lengths;
  if (call.has(kLengths)) {
    check_lengths(call.label, call.inputs[kLengths], batch, time);
    lengths = call.inputs[kLengths].values<std::int64_t>();
  }
  auto* ends = call.scratch.allocate<std::int64_t>(batch * time);
  auto* begins = window > 0 ? call.scratch.allocate<std::int64_t>(batch * time) : nullptr;
  Append append(cache, call.inputs[kKey], call.inputs[kValue], lengths);
  check_bias_positions(call, cache);
  for (std::int64_t row = 0; row < batch; ++row) {
    const std::int64_t valid = lengths.empty() ? time : lengths[static_cast<std::size_t>(row)];
    for (std::int64_t t = 0; t < time; ++t) {
      const std::int64_t end = t < valid ? append.length_before(row) + t + 1 : 0;
      ends[row * time + t] = end;
      if (begins != nullptr) begins[row * time + t] = std::max<std::int64_t>(0, end - window);
    }
  }
  const bool want_weights = call.outputs[1].defined();
  attend(
      {.batch = batch,
       .heads = call.attrs.integer(kNumHeads),
       .kv_heads = cache.heads(),
       .queries = time,
       .head_dim = cache.head_dim(),
       .value_dim = cache.value_dim(),
       .storage = cache.storage(),
       .query = query.data<float>(),
       .value_stride = cache.value_stride(),
       .key_begins = begins,
       .key_ends = ends,
       .scale = attention_scale(call.attrs.real(kScale), cache.head_dim()),
       .bias = bias_of(call, append.lengths_before()),
       .slopes = call.has(kSlopes) ? call.inputs[kSlopes].data<float>() : nullptr,
       .y = call.outputs[0].mutable_data<float>(),
       .weights = want_weights ? call.outputs[1].mutable_data<float>() : nullptr,
       .weight_heads = call.attrs.integers(kWeightHeads),
       .weights_count = want_weights ? call.outputs[1].size(3) : 0},
      [&](std::int64_t row, std::int64_t head, std::vector<KeyPart>& parts) { cache.parts(row, head, parts); },
      call.limits);
  append.keep();
}

OpCost cost_cached(const OpArgs& args, std::span<const TensorType> outputs) {
  const KvCache& cache = cache_of(args);
  const Shape& query = args.inputs[kQuery].shape();
  const auto keys = static_cast<double>(outputs[1].shape[3]);
  const auto queries = static_cast<double>(query[0] * query[1]);
  const auto widths = static_cast<double>(query[2] + outputs[0].shape[2]);
  const auto cached = static_cast<double>(cache.heads() * (cache.head_dim() + cache.value_dim()));
  const auto held = static_cast<double>(cache.rows()) * keys * cached * static_cast<double>(item_size(cache.dtype()));
  return {queries * keys * (2 * widths + 20 * static_cast<double>(args.attrs.integer(kNumHeads))),
          bytes_moved(args, outputs) + held};
}

}  // namespace

void add_cached_attention_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "cached_attention",
                 .inputs = {{"query"},
                            {"key"},
                            {"value"},
                            {"lengths", InputKind::optional},
                            {"cache", InputKind::cache},
                            {"bias", InputKind::optional},
                            {"slopes", InputKind::optional},
                            {"relative", InputKind::optional}},
                 .attrs = {{.name = "num_heads", .default_value = std::int64_t{1}, .required = true},
                           {"scale", 0.0},
                           {"window", std::int64_t{0}},
                           {"weight_heads", std::vector<std::int64_t>{}},
                           {"num_kv_heads", std::int64_t{0}}},
                 .outputs = {{"y"}, {.name = "weights", .optional = true}},
                 .infer = infer_cached,
                 .forward = forward_cached,
                 .cost = cost_cached});
}

}  // namespace pyseq
