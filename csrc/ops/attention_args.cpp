#include "ops/attention_args.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/threads.h"
#include "ops/product.h"

namespace pyseq {
namespace {

constexpr int kQuery = 0;

void check_weight_heads(const OpArgs& args, const std::vector<std::int64_t>& chosen, std::int64_t heads) {
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i] < 0 || chosen[i] >= heads) {
      throw_value(args.label, "weight_heads", std::to_string(chosen[i]), "0 to " + std::to_string(heads - 1));
    }
    if (std::find(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(i), chosen[i]) !=
        chosen.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw_value(args.label, "weight_heads", std::to_string(chosen[i]) + " twice", "different heads");
    }
  }
}

/// relative [heads, 2 reach + 1]: a value per head and distance, in place of a bias.
void check_relative(const OpArgs& args, const AttentionInputs& in, std::int64_t heads) {
  if (!args.has(in.relative)) return;
  const Tensor& relative = args.inputs[in.relative];
  check_tensor(args.label, "relative", relative, DType::float32, {heads, -1}, "a row per head");
  if (relative.size(1) % 2 == 0) {
    throw_shape(args.label, "relative", std::to_string(relative.size(1)) + " columns",
                "an odd number, as many before the middle as behind it");
  }
  if (args.has(in.bias)) throw_value(args.label, "bias", "a value", "none beside relative");
}

/// The column of `relative` for a distance; those beyond its reach have the last one of their side.
std::int64_t distance_column(std::int64_t distance, std::int64_t reach) {
  return std::clamp(distance, -reach, reach) + reach;
}

}  // namespace

std::string quote_shape(std::string_view name, const Tensor& tensor) {
  return std::string(name) + " " + tensor.shape().to_string();
}

HeadCounts checked_heads(const OpArgs& args, const AttentionAttributes& at) {
  const std::int64_t heads = args.attrs.integer(at.num_heads), given = args.attrs.integer(at.num_kv_heads);
  if (heads < 1) throw_value(args.label, "num_heads", std::to_string(heads), "at least 1");
  const std::int64_t kv_heads = given == 0 ? heads : given;
  if (kv_heads < 0 || heads % kv_heads != 0) {
    throw_value(args.label, "num_kv_heads", std::to_string(given), "a divisor of num_heads " + std::to_string(heads));
  }
  return {heads, kv_heads};
}

void check_attributes(const OpArgs& args, const AttentionAttributes& at, std::int64_t heads) {
  const double scale = args.attrs.real(at.scale);
  if (!std::isfinite(scale)) throw_value(args.label, "scale", std::to_string(scale), "a finite number");
  const std::int64_t window = args.attrs.integer(at.window);
  if (window < 0) throw_value(args.label, "window", std::to_string(window), "zero (no limit) or more");
  check_weight_heads(args, args.attrs.integers(at.weight_heads), heads);
}

void check_score_inputs(const OpArgs& args, const AttentionInputs& in, std::int64_t heads, std::int64_t keys) {
  const Tensor& query = args.inputs[kQuery];
  if (args.has(in.slopes)) {
    check_tensor(args.label, "slopes", args.inputs[in.slopes], DType::float32, {heads}, "one per head");
  }
  check_relative(args, in, heads);
  if (!args.has(in.bias)) return;
  const Tensor& bias = args.inputs[in.bias];
  const std::int64_t queries = query.size(1);
  const std::string because = "[[batch,] heads,] queries, keys";
  check_dtype(args.label, "bias", bias, DType::float32);
  check_min_rank(args.label, "bias", bias, 2);
  if (bias.rank() > 4) check_rank(args.label, "bias", bias, 4);
  if (bias.rank() == 2) check_shape(args.label, "bias", bias, {queries, keys}, because);
  if (bias.rank() == 3) check_shape(args.label, "bias", bias, {heads, queries, keys}, because);
  if (bias.rank() == 4) check_shape(args.label, "bias", bias, {query.size(0), heads, queries, keys}, because);
}

float attention_scale(double scale, std::int64_t head_dim) {
  return static_cast<float>(scale != 0.0 ? scale : 1.0 / std::sqrt(static_cast<double>(head_dim)));
}

AttentionBias attention_bias(const OpArgs& args, int input) {
  if (!args.has(input)) return {};
  const Tensor& bias = args.inputs[input];
  const std::int64_t keys = bias.size(-1), matrix = bias.size(-2) * keys;
  return {.values = bias.data<float>(),
          .batch_stride = bias.rank() == 4 ? bias.size(1) * matrix : 0,
          .head_stride = bias.rank() >= 3 ? matrix : 0,
          .query_stride = keys};
}

AttentionBias relative_bias(const Tensor& relative, std::int64_t positions, std::int64_t first, Arena& scratch) {
  const std::int64_t heads = relative.size(0), columns = relative.size(1), reach = columns / 2;
  const std::int64_t span = std::max<std::int64_t>(1, 2 * positions - 1), middle = span / 2;
  auto* values = scratch.allocate<float>(heads * span);
  for (std::int64_t head = 0; head < heads; ++head) {
    const float* row = relative.data<float>() + head * columns;
    for (std::int64_t i = 0; i < span; ++i) values[head * span + i] = row[distance_column(i - middle, reach)];
  }
  return {.values = values + middle - first, .batch_stride = 0, .head_stride = span, .query_stride = -1};
}

void sum_distances(const float* scores, std::int64_t queries, std::int64_t keys, std::int64_t first, Tensor& relative) {
  const std::int64_t heads = relative.size(0), columns = relative.size(1), reach = columns / 2;
  auto* out = relative.mutable_data<float>();
  const auto grain = static_cast<std::int64_t>(kParallelWork / (static_cast<double>(queries * keys) + 1)) + 1;
  parallel_for(heads, grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sums(static_cast<std::size_t>(columns));
    for (std::int64_t head = begin; head < end; ++head) {
      std::fill(sums.begin(), sums.end(), 0.0);
      const float* row = scores + head * queries * keys;
      for (std::int64_t query = 0; query < queries; ++query, row += keys) {
        for (std::int64_t key = 0; key < keys; ++key) {
          sums[static_cast<std::size_t>(distance_column(key - first - query, reach))] += double{row[key]};
        }
      }
      std::transform(sums.begin(), sums.end(), out + head * columns,
                     [](double sum) { return static_cast<float>(sum); });
    }
  });
}

std::int64_t weight_head_count(const OpArgs& args, const AttentionAttributes& at, std::int64_t heads) {
  const auto chosen = static_cast<std::int64_t>(args.attrs.integers(at.weight_heads).size());
  return chosen == 0 ? heads : chosen;
}

}  // namespace pyseq
