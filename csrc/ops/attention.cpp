// attention over given keys and values, and pack_keys, which lays keys out once for many calls of it.
#include <algorithm>

#include "ops/attention_args.h"
#include "ops/attention_gradient.h"
#include "ops/cost.h"
#include "ops/families.h"
#include "ops/key_panels.h"

namespace pyseq {
namespace {

enum Input { kQuery, kKey, kValue, kLengths, kRows, kBias, kSlopes, kRowLengths, kRelative };
enum Output { kY, kWeights, kLogsumexp };
enum Attribute { kNumHeads, kCausal, kScale, kNumKvHeads, kWindow, kWeightHeads };
constexpr AttentionInputs kInputs{kBias, kSlopes, kRelative};
constexpr AttentionAttributes kAttributes{kNumHeads, kScale, kNumKvHeads, kWindow, kWeightHeads};

constexpr std::int64_t kValuesPerChunk = 16384;
constexpr int kPackedRank = 5;  // [sources, kv heads, blocks, head_dim, 32]

/// Width of one head. ShapeError unless the heads share the width evenly.
std::int64_t width_per_head(const OpArgs& args, std::string_view argument, const Tensor& tensor, std::int64_t heads,
                            std::string_view attribute) {
  const std::int64_t width = tensor.size(2);
  if (width == 0 || width % heads != 0) {
    throw_shape(args.label, argument, "width " + std::to_string(width),
                "a multiple of " + std::string(attribute) + " " + std::to_string(heads));
  }
  return width / heads;
}

/// Panels of all sources and heads, [sources, heads, blocks, head_dim, 32].
struct KeyPanels {
  const float* panels;
  std::int64_t heads, head_dim, blocks;

  std::int64_t panel_size() const { return head_dim * kAttentionKeyBlock; }
  std::int64_t offset(std::int64_t source, std::int64_t head, std::int64_t block) const {
    return ((source * heads + head) * blocks + block) * panel_size();
  }
};

/// key [sources, keys, heads * head_dim] -> panels, up to the length of each source (null: all keys). `rows`: where the
/// keys of each source stand.
void pack(const Tensor& key, const RowSteps& rows, const KeyPanels& layout, const std::int64_t* lengths,
          float* panels) {
  const std::int64_t keys = key.size(1), stride = layout.heads * layout.head_dim;
  parallel_for(key.size(0) * layout.heads, kValuesPerChunk / (keys * layout.head_dim + 1) + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t source = item / layout.heads, head = item % layout.heads;
                   const std::int64_t count = lengths == nullptr ? rows.count(source) : lengths[source];
                   const float* first = key.data<float>() + rows.first(source) * stride + head * layout.head_dim;
                   for (std::int64_t t = 0; t < count; t += kAttentionKeyBlock) {
                     store_keys(std::min(kAttentionKeyBlock, count - t), layout.head_dim, first + t * stride, stride,
                                panels + layout.offset(source, head, t / kAttentionKeyBlock));
                   }
                 }
               });
}

// ---- attention

void check_key(const OpArgs& args, std::int64_t sources, std::int64_t width, const HeadCounts& heads) {
  const Tensor& key = args.inputs[kKey];
  const std::int64_t head_dim = width / heads.heads;
  const std::string because = "from " + quote_shape("query", args.inputs[kQuery]);
  if (key.rank() != kPackedRank) {
    check_tensor(args.label, "key", key, DType::float32, {sources, -1, head_dim * heads.kv_heads}, because);
    return;
  }
  check_tensor(args.label, "key", key, DType::float32, {sources, heads.kv_heads, -1, head_dim, kAttentionKeyBlock},
               because);
}

/// value [sources, keys, kv_heads * value_dim] has as many positions as key, or fits into its blocks.
void check_value(const OpArgs& args, const HeadCounts& heads) {
  const Tensor& key = args.inputs[kKey];
  const Tensor& value = args.inputs[kValue];
  const bool packed = key.rank() == kPackedRank;
  check_tensor(args.label, "value", value, DType::float32, {key.size(0), packed ? -1 : key.size(1), -1},
               "from " + quote_shape("key", key));
  if (packed && key.size(2) != key_blocks(value.size(1))) {
    throw_shape(args.label, "value", std::to_string(value.size(1)) + " positions",
                "as many as the " + std::to_string(key.size(2)) + " blocks of key hold");
  }
  width_per_head(args, "value", value, heads.kv_heads, "num_kv_heads");
}

/// With packed steps a row attends to itself.
void check_packed(const OpArgs& args) {
  check_row_lengths(args, args.inputs[kQuery], kRowLengths);
  if (!args.has(kRowLengths)) return;
  const std::int64_t queries = args.inputs[kQuery].size(1), keys = args.inputs[kValue].size(1);
  if (keys != queries) {
    throw_shape(args.label, "key", std::to_string(keys) + " positions",
                "the " + std::to_string(queries) + " of query (row_lengths)");
  }
  if (args.has(kRows)) throw_value(args.label, "rows", "a value", "none beside row_lengths");
  if (args.inputs[kKey].rank() == kPackedRank) {
    throw_shape(args.label, "key", "the layout of pack_keys", "[sources, time, heads * d] beside row_lengths");
  }
}

/// Keys that count stand within the packed steps of their row.
void check_packed_lengths(const OpArgs& args, const RowSteps& steps) {
  if (!steps.are_packed() || !args.has(kLengths)) return;
  const std::int64_t* lengths = args.inputs[kLengths].data<std::int64_t>();
  for (std::int64_t row = 0; row < steps.rows(); ++row) {
    if (lengths[row] <= steps.count(row)) continue;
    throw_value(args.label, "lengths", std::to_string(lengths[row]) + " in row " + std::to_string(row),
                "0 to " + std::to_string(steps.count(row)) + " (row_lengths)");
  }
}

void infer_attention(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& query = args.inputs[kQuery];
  const Tensor& key = args.inputs[kKey];
  const Tensor& value = args.inputs[kValue];
  const HeadCounts heads = checked_heads(args, kAttributes);
  check_attributes(args, kAttributes, heads.heads);
  const bool causal = args.attrs.flag(kCausal);
  if (args.attrs.integer(kWindow) > 0 && !causal) {
    throw_value(args.label, "window", std::to_string(args.attrs.integer(kWindow)), "0 unless causal");
  }
  check_tensor(args.label, "query", query, DType::float32, {-1, -1, -1});
  const std::int64_t batch = query.size(0), queries = query.size(1);
  width_per_head(args, "query", query, heads.heads, "num_heads");
  check_key(args, args.has(kRows) ? -1 : batch, query.size(2), heads);
  check_value(args, heads);
  const std::int64_t keys = value.size(1);
  if (args.has(kLengths)) {
    check_tensor(args.label, "lengths", args.inputs[kLengths], DType::int64, {key.size(0)},
                 "rows of " + quote_shape("key", key));
  }
  if (args.has(kRows)) {
    check_tensor(args.label, "rows", args.inputs[kRows], DType::int64, {batch},
                 "rows of " + quote_shape("query", query));
  }
  check_score_inputs(args, kInputs, heads.heads, keys);
  check_packed(args);
  if ((causal || args.has(kRelative)) && keys < queries) {
    throw_shape(args.label, "key", std::to_string(keys) + " positions",
                "at least the " + std::to_string(queries) + " of query (" + (causal ? "causal" : "relative") + ")");
  }
  const std::int64_t value_dim = value.size(2) / heads.kv_heads;
  outputs[kY] = {DType::float32, {batch, queries, heads.heads * value_dim}};
  outputs[kWeights] = {DType::float32, {batch, weight_head_count(args, kAttributes, heads.heads), queries, keys}};
  outputs[kLogsumexp] = {DType::float32, {batch, heads.heads, queries}};
}

/// Keys that each query [batch, queries] sees: up to the length of its source, and with `causal` up to its own
/// position, the last query standing at the last key, of these the last `window`.
struct VisibleKeys {
  std::int64_t *begins, *ends;
};
VisibleKeys visible_keys(const OpArgs& call, const RowSteps& steps, const std::int64_t* rows,
                         const std::int64_t* lengths, Arena& scratch) {
  const std::int64_t batch = call.inputs[kQuery].size(0), queries = call.inputs[kQuery].size(1);
  const std::int64_t keys = call.inputs[kValue].size(1), window = call.attrs.integer(kWindow);
  const bool causal = call.attrs.flag(kCausal);
  VisibleKeys visible{nullptr, scratch.allocate<std::int64_t>(steps.total())};
  if (window > 0) visible.begins = scratch.allocate<std::int64_t>(steps.total());
  for (std::int64_t row = 0; row < batch; ++row) {
    const std::int64_t known = steps.are_packed() ? steps.count(row) : keys, first = steps.first(row);
    const std::int64_t length = lengths == nullptr ? known : lengths[rows == nullptr ? row : rows[row]];
    for (std::int64_t t = 0; t < steps.count(row); ++t) {
      const std::int64_t own_end = t + 1 + keys - queries;
      visible.ends[first + t] = causal ? std::min(length, own_end) : length;
      if (window > 0) visible.begins[first + t] = std::max<std::int64_t>(0, own_end - window);
    }
  }
  return visible;
}

/// The keys in panels: as given, or packed for this call.
KeyPanels key_panels(OpCall& call, const RowSteps& steps, const HeadCounts& heads, const std::int64_t* lengths) {
  const Tensor& key = call.inputs[kKey];
  const std::int64_t head_dim = call.inputs[kQuery].size(2) / heads.heads;
  KeyPanels layout{nullptr, heads.kv_heads, head_dim, key_blocks(call.inputs[kValue].size(1))};
  if (key.rank() == kPackedRank) {
    layout.panels = key.data<float>();
    return layout;
  }
  auto* panels = call.scratch.allocate<float>(key.size(0) * heads.kv_heads * layout.blocks * layout.panel_size());
  pack(key, steps, layout, lengths, panels);
  layout.panels = panels;
  return layout;
}

/// What is added to the scores, whichever way it is given.
AttentionBias bias_of(const OpArgs& args, Arena& scratch) {
  if (!args.has(kRelative)) return attention_bias(args, kBias);
  const std::int64_t queries = args.inputs[kQuery].size(1), keys = args.inputs[kValue].size(1);
  return relative_bias(args.inputs[kRelative], keys, keys - queries, scratch);
}

/// Padding has no queries, so its weights are zero.
void clear_weights(OpCall& call) {
  for (const Output output : {kWeights, kLogsumexp}) {
    Tensor& tensor = call.outputs[output];
    if (tensor.defined()) std::fill_n(tensor.mutable_data<float>(), tensor.num_elements(), 0.0F);
  }
}

void forward_attention(OpCall& call) {
  const Tensor& query = call.inputs[kQuery];
  const Tensor& value = call.inputs[kValue];
  const HeadCounts heads = checked_heads(call, kAttributes);
  const std::int64_t sources = value.size(0), keys = value.size(1);
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
  const RowSteps steps(call, query, kRowLengths), sources_steps = steps.are_packed() ? steps : RowSteps(value);
  check_packed_lengths(call, steps);
  const KeyPanels panels = key_panels(call, sources_steps, heads, lengths);
  const std::int64_t value_width = value.size(2), value_dim = value_width / heads.kv_heads;
  const VisibleKeys visible = visible_keys(call, steps, rows, lengths, call.scratch);
  const auto values_or_null = [&](Output output) {
    return call.outputs[output].defined() ? call.outputs[output].mutable_data<float>() : nullptr;
  };
  if (steps.are_packed()) clear_weights(call);
  attend(
      {.batch = query.size(0),
       .heads = heads.heads,
       .kv_heads = heads.kv_heads,
       .queries = query.size(1),
       .head_dim = panels.head_dim,
       .value_dim = value_dim,
       .storage = KeyStorage::float32,
       .query = query.data<float>(),
       .value_stride = value_width,
       .rows = steps.are_packed() ? &steps : nullptr,
       .key_begins = visible.begins,
       .key_ends = visible.ends,
       .scale = attention_scale(call.attrs.real(kScale), panels.head_dim),
       .bias = bias_of(call, call.scratch),
       .slopes = call.has(kSlopes) ? call.inputs[kSlopes].data<float>() : nullptr,
       .y = call.outputs[kY].mutable_data<float>(),
       .weights = values_or_null(kWeights),
       .weight_heads = call.attrs.integers(kWeightHeads),
       .weights_count = keys,
       .logsumexp = values_or_null(kLogsumexp)},
      [&](std::int64_t row, std::int64_t head, std::vector<KeyPart>& parts) {
        const std::int64_t source = rows == nullptr ? row : rows[row];
        const float* values = value.data<float>() + sources_steps.first(source) * value_width + head * value_dim;
        const std::int64_t known = sources_steps.count(source);
        parts.clear();
        for (std::int64_t block = 0; block * kAttentionKeyBlock < known; ++block) {
          const std::int64_t begin = block * kAttentionKeyBlock;
          parts.push_back({.keys = panels.panels + panels.offset(source, head, block),
                           .values = values + begin * value_width,
                           .scales = nullptr,
                           .begin = begin,
                           .end = std::min(known, begin + kAttentionKeyBlock)});
        }
      },
      call.limits);
}

/// Pairs of a query and a key that it sees; half of them when causal.
double count_scores(const OpArgs& args) {
  const bool causal = args.attrs.flag(kCausal);
  const auto of_row = [causal](double queries, double keys) {
    return queries * (causal ? keys - (queries - 1) / 2 : keys);
  };
  const Shape& query = args.inputs[kQuery].shape();
  // Sizes alone say nothing about the lengths.
  if (!args.has(kRowLengths) || args.inputs[kRowLengths].raw() == nullptr) {
    const auto keys = static_cast<double>(args.inputs[kValue].size(1));
    return static_cast<double>(query[0]) * of_row(static_cast<double>(query[1]), keys);
  }
  double scores = 0;
  for (const std::int64_t length : args.inputs[kRowLengths].values<std::int64_t>()) {
    scores += of_row(static_cast<double>(length), static_cast<double>(length));
  }
  return scores;
}

/// Scores and their use: two products, and an exponential per score.
OpCost cost_attention(const OpArgs& args, std::span<const TensorType> outputs) {
  const auto widths = static_cast<double>(args.inputs[kQuery].size(2) + outputs[0].shape[2]);
  const auto heads = static_cast<double>(args.attrs.integer(kNumHeads));
  const OpCost moved = cost_of_packed(args, args.inputs[kQuery], kRowLengths, {0, bytes_moved(args, outputs)});
  return {count_scores(args) * (2 * widths + 20 * heads), moved.bytes};
}

// ---- vjp

const float* values_of(const OpArgs& args, Input input) {
  return args.has(input) ? args.inputs[input].data<float>() : nullptr;
}
const std::int64_t* integers_or_null(const OpArgs& args, Input input) {
  return args.has(input) ? args.inputs[input].data<std::int64_t>() : nullptr;
}

void vjp_attention(VjpCall& call) {
  refuse_packed(call, kRowLengths);
  const Tensor& query = call.inputs[kQuery];
  const Tensor& key = call.inputs[kKey];
  const Tensor& value = call.inputs[kValue];
  if (key.rank() == kPackedRank) {
    throw UnsupportedError(std::string(call.label) + ": a packed key has no gradient, expected a row-major one");
  }
  const HeadCounts heads = checked_heads(call, kAttributes);
  const std::int64_t* lengths = integers_or_null(call, kLengths);
  const std::int64_t* rows = integers_or_null(call, kRows);
  const VisibleKeys visible = visible_keys(call, RowSteps(query), rows, lengths, call.scratch);
  const auto gradient = [&](Input input) {
    return call.wants(input) ? call.grad_inputs[input].mutable_data<float>() : nullptr;
  };
  const std::int64_t head_dim = query.size(2) / heads.heads, queries = query.size(1), keys = value.size(1);
  float* scores = call.wants(kRelative) ? call.scratch.allocate<float>(heads.heads * queries * keys) : gradient(kBias);
  attention_gradient({.batch = query.size(0),
                      .sources = value.size(0),
                      .heads = heads.heads,
                      .kv_heads = heads.kv_heads,
                      .queries = queries,
                      .keys = keys,
                      .head_dim = head_dim,
                      .value_dim = value.size(2) / heads.kv_heads,
                      .query = query.data<float>(),
                      .key = key.data<float>(),
                      .value = value.data<float>(),
                      .y = call.outputs[kY].data<float>(),
                      .logsumexp = call.outputs[kLogsumexp].data<float>(),
                      .dy = call.grad_outputs[kY].data<float>(),
                      .rows = rows,
                      .lengths = lengths,
                      .key_begins = visible.begins,
                      .key_ends = visible.ends,
                      .scale = attention_scale(call.attrs.real(kScale), head_dim),
                      .bias = bias_of(call, call.scratch),
                      .slopes = values_of(call, kSlopes),
                      .dquery = gradient(kQuery),
                      .dkey = gradient(kKey),
                      .dvalue = gradient(kValue),
                      .dbias = scores,
                      .dslopes = gradient(kSlopes)},
                     call.scratch, call.limits);
  if (call.wants(kRelative)) sum_distances(scores, queries, keys, keys - queries, call.grad_inputs[kRelative]);
}

// ---- pack_keys: key [sources, time, heads * d] -> panels [sources, heads, blocks, d, 32]

void infer_pack(const OpArgs& args, std::span<TensorType> outputs) {
  const Tensor& key = args.inputs[0];
  const std::int64_t heads = args.attrs.integer(0);
  if (heads < 1) throw_value(args.label, "num_heads", std::to_string(heads), "at least 1");
  check_tensor(args.label, "key", key, DType::float32, {-1, -1, -1});
  const std::int64_t head_dim = width_per_head(args, "key", key, heads, "num_heads");
  outputs[0] = {DType::float32, {key.size(0), heads, key_blocks(key.size(1)), head_dim, kAttentionKeyBlock}};
}

void forward_pack(OpCall& call) {
  const Tensor& key = call.inputs[0];
  Tensor& panels = call.outputs[0];
  const KeyPanels layout{nullptr, panels.size(1), panels.size(3), panels.size(2)};
  float* out = panels.mutable_data<float>();
  const std::int64_t filled = key.size(1) % kAttentionKeyBlock;
  if (filled != 0) {  // the lanes behind the last position are zero
    for (std::int64_t item = 0; item < key.size(0) * layout.heads; ++item) {
      std::fill_n(out + layout.offset(0, item, layout.blocks - 1), layout.panel_size(), 0.0F);
    }
  }
  pack(key, RowSteps(key), layout, nullptr, out);
}

OpCost cost_pack(const OpArgs& args, std::span<const TensorType> outputs) {
  return {0, bytes_moved(args, outputs)};
}

}  // namespace

void add_attention_ops(std::vector<OpDef>& ops) {
  ops.push_back({.name = "attention",
                 .inputs = {{"query"},
                            {"key"},
                            {"value"},
                            {"lengths", InputKind::optional},
                            {"rows", InputKind::optional},
                            {"bias", InputKind::optional},
                            {"slopes", InputKind::optional},
                            {"row_lengths", InputKind::optional},
                            {"relative", InputKind::optional}},
                 .attrs = {{.name = "num_heads", .default_value = std::int64_t{1}, .required = true},
                           {"causal", false},
                           {"scale", 0.0},
                           {"num_kv_heads", std::int64_t{0}},
                           {"window", std::int64_t{0}},
                           {"weight_heads", std::vector<std::int64_t>{}}},
                 .outputs = {{"y"},
                             {.name = "weights", .optional = true, .differentiable = false},
                             {.name = "logsumexp", .optional = true, .differentiable = false}},
                 .infer = infer_attention,
                 .forward = forward_attention,
                 .cost = cost_attention,
                 .vjp = vjp_attention,
                 .vjp_reads = {VjpReads::bits({kQuery, kKey, kValue, kLengths, kRows, kBias, kSlopes, kRelative}),
                               VjpReads::bits({kY, kLogsumexp})},
                 .differentiable = VjpReads::bits({kQuery, kKey, kValue, kBias, kSlopes, kRelative})});
  ops.push_back({.name = "pack_keys",
                 .inputs = {{"key"}},
                 .attrs = {{.name = "num_heads", .default_value = std::int64_t{1}, .required = true}},
                 .outputs = {{"panels"}},
                 .infer = infer_pack,
                 .forward = forward_pack,
                 .cost = cost_pack});
}

}  // namespace pyseq
