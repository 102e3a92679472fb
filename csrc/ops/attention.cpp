// attention over given keys and values, and cached_attention over keys and values that a cache collects step by step.
#include <algorithm>
#include <cmath>

#include "ops/attend.h"
#include "ops/checks.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/key_panels.h"

namespace pyseq {
namespace {

enum Input { kQuery, kKey, kValue, kLengths, kRows };

std::string quote_shape(std::string_view name, const Tensor& tensor) {
  return std::string(name) + " " + tensor.shape().to_string();
}

/// Width of one head. ShapeError unless the heads share the width evenly.
std::int64_t width_per_head(const OpArgs& args, std::string_view argument, const Tensor& tensor, std::int64_t heads) {
  const std::int64_t width = tensor.size(2);
  if (width == 0 || width % heads != 0) {
    throw_shape(args.label, argument, "width " + std::to_string(width),
                "a multiple of num_heads " + std::to_string(heads));
  }
  return width / heads;
}

std::int64_t checked_heads(const OpArgs& args, std::int64_t heads) {
  if (heads < 1) throw_value(args.label, "num_heads", std::to_string(heads), "at least 1");
  return heads;
}

void check_scale(const OpArgs& args, double scale) {
  if (!std::isfinite(scale)) throw_value(args.label, "scale", std::to_string(scale), "a finite number");
}

float scale_or_default(double scale, std::int64_t head_dim) {
  return static_cast<float>(scale != 0.0 ? scale : 1.0 / std::sqrt(static_cast<double>(head_dim)));
}

/// Scores and their use: two products of the same size, and an exponential per score.
OpCost attention_cost(const OpArgs& args, std::span<const TensorType> outputs, double keys) {
  const Shape& query = args.inputs[kQuery].shape();
  const auto queries = static_cast<double>(query[0] * query[1]);
  const auto widths = static_cast<double>(query[2] + outputs[0].shape[2]);
  const auto heads = static_cast<double>(outputs[1].shape[1]);
  return {queries * keys * (2 * widths + 20 * heads), bytes_moved(args, outputs)};
}

// ---- attention

enum AttentionAttribute { kNumHeads, kCausal, kScale };

void infer_attention(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& query = args.inputs[kQuery];
  const Tensor& key = args.inputs[kKey];
  const Tensor& value = args.inputs[kValue];
  const std::int64_t heads = checked_heads(args, args.attrs.integer(kNumHeads));
  check_scale(args, args.attrs.real(kScale));
  check_tensor(args.label, "query", query, DType::float32, {-1, -1, -1});
  const std::int64_t batch = query.size(0), queries = query.size(1);
  width_per_head(args, "query", query, heads);
  const std::int64_t sources = args.has(kRows) ? -1 : batch;
  check_tensor(args.label, "key", key, DType::float32, {sources, -1, query.size(2)},
               "from " + quote_shape("query", query));
  const std::int64_t keys = key.size(1);
  check_tensor(args.label, "value", value, DType::float32, {key.size(0), keys, -1}, "from " + quote_shape("key", key));
  width_per_head(args, "value", value, heads);
  if (args.has(kLengths)) {
    check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {key.size(0)},
                 "rows of " + quote_shape("key", key));
  }
  if (args.has(kRows)) {
    check_tensor(args.label, "rows", args.inputs[kRows], DType::int64, {batch},
                 "rows of " + quote_shape("query", query));
  }
  if (args.attrs.flag(kCausal) && keys < queries) {
    throw_shape(args.label, "key", std::to_string(keys) + " positions",
                "at least the " + std::to_string(queries) + " of query (causal)");
  }
  outputs[0] = {DType::float32, {batch, queries, value.size(2)}};
  outputs[1] = {DType::float32, {batch, heads, queries, keys}};
}

/// Keys of every source and head in panels, [sources, heads, blocks, head_dim, 32], up to the length of the source.
class PackedKeys {
 public:
  PackedKeys(const Tensor& key, std::int64_t heads, const std::int64_t* lengths, Arena& scratch)
      : heads_(heads), head_dim_(key.size(2) / heads), blocks_(key_blocks(key.size(1))) {
    const std::int64_t sources = key.size(0), keys = key.size(1);
    panels_ = scratch.allocate<float>(sources * heads * blocks_ * panel_size());
    constexpr std::int64_t kValuesPerChunk = 16384;
    parallel_for(sources * heads, kValuesPerChunk / (keys * head_dim_ + 1) + 1,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t item = begin; item < end; ++item) {
                     const std::int64_t source = item / heads, head = item % heads;
                     const std::int64_t count = lengths == nullptr ? keys : lengths[source];
                     const float* first = key.data<float>() + (source * keys * heads + head) * head_dim_;
                     for (std::int64_t t = 0; t < count; ++t) {
                       store_key(first + t * heads * head_dim_, head_dim_, t % kAttentionKeyBlock,
                                 panel(source, head, t / kAttentionKeyBlock));
                     }
                   }
                 });
  }

  std::int64_t blocks() const { return blocks_; }
  float* panel(std::int64_t source, std::int64_t head, std::int64_t block) const {
    return panels_ + ((source * heads_ + head) * blocks_ + block) * panel_size();
  }

 private:
  std::int64_t panel_size() const { return head_dim_ * kAttentionKeyBlock; }

  std::int64_t heads_, head_dim_, blocks_;
  float* panels_;
};

/// Keys that each query [batch, queries] sees: up to the length of its source, and with `causal` up to its own
/// position, the last query standing at the last key.
std::int64_t* visible_keys(OpCall& call, const std::int64_t* rows, const std::int64_t* lengths) {
  const std::int64_t batch = call.inputs[kQuery].size(0), queries = call.inputs[kQuery].size(1);
  const std::int64_t keys = call.inputs[kKey].size(1);
  const bool causal = call.attrs.flag(kCausal);
  auto* counts = call.scratch.allocate<std::int64_t>(batch * queries);
  for (std::int64_t row = 0; row < batch; ++row) {
    const std::int64_t length = lengths == nullptr ? keys : lengths[rows == nullptr ? row : rows[row]];
    for (std::int64_t t = 0; t < queries; ++t) {
      counts[row * queries + t] = causal ? std::min(length, t + 1 + keys - queries) : length;
    }
  }
  return counts;
}

void forward_attention(OpCall& call) {
  const Tensor& query = call.inputs[kQuery];
  const Tensor& key = call.inputs[kKey];
  const Tensor& value = call.inputs[kValue];
  const std::int64_t sources = key.size(0), keys = key.size(1), heads = call.attrs.integer(kNumHeads);
  const std::int64_t* lengths = nullptr;
  const std::int64_t* rows = nullptr;
  if (call.has(kLengths)) {
    check_lengths(call.label, call.inputs[kLengths], sources, keys);
    lengths = call.inputs[kLengths].data<std::int64_t>();
  }
  if (call.has(kRows)) {
    check_indices(call.label, "rows", call.inputs[kRows].values<std::int64_t>(), sources,
                  "the " + std::to_string(sources) + " rows of key");
    rows = call.inputs[kRows].data<std::int64_t>();
  }
  const PackedKeys packed(key, heads, lengths, call.scratch);
  const std::int64_t value_width = value.size(2), head_dim = query.size(2) / heads, value_dim = value_width / heads;
  const bool want_weights = call.outputs[1].defined();
  attend(
      {.batch = query.size(0),
       .heads = heads,
       .queries = query.size(1),
       .head_dim = head_dim,
       .value_dim = value_dim,
       .query = query.data<float>(),
       .value_stride = value_width,
       .key_counts = visible_keys(call, rows, lengths),
       .scale = scale_or_default(call.attrs.real(kScale), head_dim),
       .y = call.outputs[0].mutable_data<float>(),
       .weights = want_weights ? call.outputs[1].mutable_data<float>() : nullptr,
       .weights_count = keys},
      [&](std::int64_t row, std::int64_t head, std::vector<const float*>& key_panels,
          std::vector<const float*>& value_blocks) {
        const std::int64_t source = rows == nullptr ? row : rows[row];
        const float* values = value.data<float>() + source * keys * value_width + head * value_dim;
        key_panels.clear();
        value_blocks.clear();
        for (std::int64_t block = 0; block < packed.blocks(); ++block) {
          key_panels.push_back(packed.panel(source, head, block));
          value_blocks.push_back(values + block * kAttentionKeyBlock * value_width);
        }
      },
      call.limits);
}

OpCost cost_attention(const OpArgs& args, std::span<const TensorType> outputs) {
  return attention_cost(args, outputs, static_cast<double>(args.inputs[kKey].size(1)));
}

// ---- cached_attention

enum CachedAttribute { kCachedNumHeads, kCachedScale };

const KvCache& cache_of(const OpArgs& args) {
  if (args.caches.empty() || args.caches[0] == nullptr)
    throw ValueError(std::string(args.label) + ": cache is missing");
  return *args.caches[0];
}

void infer_cached(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& query = args.inputs[kQuery];
  const KvCache& cache = cache_of(args);
  const std::int64_t heads = checked_heads(args, args.attrs.integer(kCachedNumHeads));
  check_scale(args, args.attrs.real(kCachedScale));
  if (heads != cache.heads()) {
    throw_value(args.label, "num_heads", std::to_string(heads),
                std::to_string(cache.heads()) + " (heads of the cache)");
  }
  const std::int64_t key_width = heads * cache.head_dim(), value_width = heads * cache.value_dim();
  check_tensor(args.label, "query", query, DType::float32, {cache.rows(), -1, key_width},
               "rows and heads * head_dim of the cache");
  const std::int64_t batch = query.size(0), time = query.size(1);
  check_tensor(args.label, "key", args.inputs[kKey], DType::float32, {batch, time, key_width}, "as query");
  check_tensor(args.label, "value", args.inputs[kValue], DType::float32, {batch, time, value_width},
               "as query, heads * value_dim of the cache");
  if (args.has(kLengths)) {
    check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {batch},
                 "rows of " + quote_shape("query", query));
  }
  outputs[0] = {DType::float32, {batch, time, value_width}};
  outputs[1] = {DType::float32, {batch, heads, time, cache.max_length() + time}};
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
  void keep() { kept_ = true; }

 private:
  KvCache& cache_;
  std::vector<std::int64_t> before_;
  bool kept_ = false;
};

void forward_cached(OpCall& call) {
  KvCache& cache = *call.caches[0];
  const Tensor& query = call.inputs[kQuery];
  const std::int64_t batch = query.size(0), time = query.size(1);
  std::span<const std::int64_t> lengths;
  if (call.has(kLengths)) {
    check_lengths(call.label, call.inputs[kLengths], batch, time);
    lengths = call.inputs[kLengths].values<std::int64_t>();
  }
  auto* counts = call.scratch.allocate<std::int64_t>(batch * time);
  Append append(cache, call.inputs[kKey], call.inputs[kValue], lengths);
  for (std::int64_t row = 0; row < batch; ++row) {
    const std::int64_t valid = lengths.empty() ? time : lengths[static_cast<std::size_t>(row)];
    for (std::int64_t t = 0; t < time; ++t) {
      counts[row * time + t] = t < valid ? append.length_before(row) + t + 1 : 0;
    }
  }
  const bool want_weights = call.outputs[1].defined();
  attend(
      {.batch = batch,
       .heads = cache.heads(),
       .queries = time,
       .head_dim = cache.head_dim(),
       .value_dim = cache.value_dim(),
       .query = query.data<float>(),
       .value_stride = cache.value_dim(),
       .key_counts = counts,
       .scale = scale_or_default(call.attrs.real(kCachedScale), cache.head_dim()),
       .y = call.outputs[0].mutable_data<float>(),
       .weights = want_weights ? call.outputs[1].mutable_data<float>() : nullptr,
       .weights_count = want_weights ? call.outputs[1].size(3) : 0},
      [&](std::int64_t row, std::int64_t head, std::vector<const float*>& key_panels,
          std::vector<const float*>& value_blocks) { cache.blocks(row, head, key_panels, value_blocks); },
      call.limits);
  append.keep();
}

OpCost cost_cached(const OpArgs& args, std::span<const TensorType> outputs) {
  const KvCache& cache = cache_of(args);
  const auto keys = static_cast<double>(outputs[1].shape[3]);
  const auto width = static_cast<double>(cache.heads() * (cache.head_dim() + cache.value_dim()));
  OpCost cost = attention_cost(args, outputs, keys);
  cost.bytes += static_cast<double>(cache.rows()) * keys * width * sizeof(float);
  return cost;
}

}  // namespace

void add_attention_ops(std::vector<OpDef>& ops) {
  ops.push_back(
      {.name = "attention",
       .inputs = {{"query"}, {"key"}, {"value"}, {"lengths", InputKind::optional}, {"rows", InputKind::optional}},
       .attrs = {{.name = "num_heads", .default_value = std::int64_t{1}, .required = true},
                 {"causal", false},
                 {"scale", 0.0}},
       .outputs = {{"y"}, {.name = "weights", .optional = true}},
       .infer = infer_attention,
       .forward = forward_attention,
       .cost = cost_attention});
  ops.push_back(
      {.name = "cached_attention",
       .inputs = {{"query"}, {"key"}, {"value"}, {"lengths", InputKind::optional}, {"cache", InputKind::cache}},
       .attrs = {{.name = "num_heads", .default_value = std::int64_t{1}, .required = true}, {"scale", 0.0}},
       .outputs = {{"y"}, {.name = "weights", .optional = true}},
       .infer = infer_cached,
       .forward = forward_cached,
       .cost = cost_cached});
}

}  // namespace pyseq
