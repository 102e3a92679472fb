#include "fixture.h"
#include "reference.h"

namespace pyseq::testing {
namespace {

struct Sizes {
  std::int64_t batch, queries, keys, heads, head_dim, value_dim;
};

struct Inputs {
  Tensor query, key, value;
  explicit Inputs(const Sizes& s, std::int64_t sources = -1)
      : query(random({s.batch, s.queries, s.heads * s.head_dim}, 1, -2.0F, 2.0F)),
        key(random({sources < 0 ? s.batch : sources, s.keys, s.heads * s.head_dim}, 2, -2.0F, 2.0F)),
        value(random({key.size(0), s.keys, s.heads * s.value_dim}, 3)) {}
};

/// Keys that each query sees.
std::vector<std::vector<std::int64_t>> visible(const Sizes& s, const std::vector<std::int64_t>& lengths, bool causal) {
  std::vector<std::vector<std::int64_t>> counts;
  for (const std::int64_t length : lengths) {
    counts.emplace_back();
    for (std::int64_t t = 0; t < s.queries; ++t) {
      counts.back().push_back(causal ? std::min(length, t + 1 + s.keys - s.queries) : length);
    }
  }
  return counts;
}

RunArgs args_for(const Sizes& s, bool causal = false, bool weights = true) {
  return {.attrs = {{"num_heads", s.heads}, {"causal", causal}}, .want_optional = weights};
}

const std::vector<Sizes> kSizes = {{1, 1, 1, 1, 1, 1},   {2, 3, 5, 2, 4, 6},     {3, 7, 33, 2, 16, 8},
                                   {2, 70, 70, 3, 5, 7}, {1, 2, 300, 4, 20, 33}, {2, 65, 600, 1, 8, 16}};

TEST_CASE("attention: float64, causal or not, with lengths, any thread count") {
  for (const Sizes& s : kSizes) {
    const Inputs in(s);
    std::vector<std::int64_t> lengths;
    for (std::int64_t row = 0; row < s.batch; ++row) lengths.push_back(row == 0 ? s.keys : s.keys / 2);
    for (const bool causal : {false, true}) {
      CAPTURE(s.keys);
      CAPTURE(causal);
      const auto result = same_for_all_thread_counts(
          [&] { return run("attention", {in.query, in.key, in.value, integers(lengths)}, args_for(s, causal)); });
      std::vector<std::int64_t> rows(static_cast<std::size_t>(s.batch));
      for (std::size_t row = 0; row < rows.size(); ++row) rows[row] = static_cast<std::int64_t>(row);
      const double scale = 1.0 / std::sqrt(static_cast<double>(s.head_dim));
      const auto expected = attention(in.query, in.key, in.value, s.heads, scale, visible(s, lengths, causal), rows);
      CHECK(largest_error(result[0], expected.y) < 2e-6);
      CHECK(largest_error(result[1], expected.weights) < 2e-6);
      // The output is the same whether the weights are asked for or not.
      const auto plain = run("attention", {in.query, in.key, in.value, integers(lengths)}, args_for(s, causal, false));
      CHECK(same_bits(plain[0], result[0]));
      CHECK(!plain[1].defined());
    }
  }
}

TEST_CASE("attention: a scale of its own") {
  const Sizes s{1, 4, 9, 2, 8, 8};
  const Inputs in(s);
  RunArgs args = args_for(s);
  args.attrs.emplace_back("scale", 0.7);
  const auto expected = attention(in.query, in.key, in.value, s.heads, 0.7, visible(s, {9}, false), {0});
  CHECK(largest_error(run("attention", {in.query, in.key, in.value}, args)[0], expected.y) < 2e-6);
}

TEST_CASE("attention: rows read the source they name") {
  const Sizes s{5, 3, 40, 2, 6, 4};
  const Inputs in(s, 3);
  const std::vector<std::int64_t> rows = {2, 0, 2, 1, 0}, lengths = {40, 1, 33};
  std::vector<std::int64_t> row_lengths;
  for (const std::int64_t source : rows) row_lengths.push_back(lengths[static_cast<std::size_t>(source)]);
  const auto result = run("attention", {in.query, in.key, in.value, integers(lengths), integers(rows)}, args_for(s));
  const auto expected =
      attention(in.query, in.key, in.value, s.heads, 1.0 / std::sqrt(6.0), visible(s, row_lengths, false), rows);
  CHECK(largest_error(result[0], expected.y) < 2e-6);
  CHECK(largest_error(result[1], expected.weights) < 2e-6);
}

TEST_CASE("attention: neither batch nor padding changes a bit") {
  const Sizes s{3, 50, 300, 2, 16, 24};
  const Inputs in(s);
  const std::vector<std::int64_t> lengths = {300, 129, 7};
  const Tensor key = with_nan_padding(in.key, lengths), value = with_nan_padding(in.value, lengths);
  const Tensor y = run("attention", {in.query, key, value, integers(lengths)}, args_for(s))[0];
  for (std::int64_t row = 0; row < s.batch; ++row) {
    const std::int64_t length = lengths[static_cast<std::size_t>(row)];
    const std::vector<Tensor> alone = {in.query.rows(row, 1), first_steps(in.key.rows(row, 1), length),
                                       first_steps(in.value.rows(row, 1), length)};
    CHECK(same_bits(run("attention", alone, args_for(s))[0], y.rows(row, 1)));
  }
  // One query alone gives the bits it gives among others.
  const Tensor query = step_of(in.query, 17).reshaped({3, 1, 32});
  const Tensor one = run("attention", {query, key, value, integers(lengths)}, args_for(s))[0];
  CHECK(same_bits(one.reshaped({3, 48}), step_of(y, 17)));
}

TEST_CASE("attention: rows that see nothing give zeros; empty batches and times") {
  const Sizes s{2, 3, 4, 2, 4, 4};
  const Inputs in(s);
  const auto blind = run("attention", {in.query, in.key, in.value, integers({0, 0})}, args_for(s));
  CHECK(same_bits(blind[0], Tensor::zeros(DType::float32, {2, 3, 8})));
  CHECK(same_bits(blind[1], Tensor::zeros(DType::float32, {2, 2, 3, 4})));
  for (const Sizes& empty : {Sizes{0, 3, 4, 2, 4, 4}, Sizes{2, 0, 4, 2, 4, 4}}) {
    const Inputs none(empty);
    CHECK(run("attention", {none.query, none.key, none.value}, args_for(empty))[0].num_elements() == 0);
  }
  const Inputs no_keys({2, 3, 0, 2, 4, 4});
  const auto zeros = run("attention", {no_keys.query, no_keys.key, no_keys.value}, args_for(s));
  CHECK(same_bits(zeros[0], Tensor::zeros(DType::float32, {2, 3, 8})));
  CHECK(zeros[1].shape() == Shape{2, 2, 3, 0});
}

TEST_CASE("attention: errors") {
  const Sizes s{2, 3, 4, 2, 4, 4};
  const Inputs in(s);
  const auto error = [&](const std::vector<Tensor>& inputs, std::int64_t heads = 2, bool causal = false) {
    return error_of([&] { run("attention", inputs, {.attrs = {{"num_heads", heads}, {"causal", causal}}}); });
  };
  const auto key_and_value = [](std::int64_t sources, std::int64_t time) { return random({sources, time, 8}, 5); };
  CHECK(error({in.query, in.key, in.value}, 3) ==
        "ShapeError: attention: query has width 8, expected a multiple of num_heads 3");
  CHECK(error({in.query, in.key, in.value}, 0) == "ValueError: attention: num_heads has 0, expected at least 1");
  CHECK(error({in.query, key_and_value(3, 4), key_and_value(3, 4)}) ==
        "ShapeError: attention: key has shape [3, 4, 8], expected [2, any, 8] (from query [2, 3, 8])");
  CHECK(error({in.query, in.key, key_and_value(2, 5)}) ==
        "ShapeError: attention: value has shape [2, 5, 8], expected [2, 4, any] (from key [2, 4, 8])");
  CHECK(error({in.query, key_and_value(2, 2), key_and_value(2, 2)}, 2, true) ==
        "ShapeError: attention: key has 2 positions, expected at least the 3 of query (causal)");
  CHECK(error({in.query, in.key, in.value, integers({4, 5})}) ==
        "ValueError: attention: lengths has 5 in row 1, expected 0 to 4 (steps in the batch)");
  CHECK(error({in.query, in.key, in.value, integers({4})}) ==
        "ShapeError: attention: lengths has 1 elements, expected 2 (rows of key [2, 4, 8])");
  CHECK(error({in.query, in.key, in.value, {}, integers({0, 2})}) ==
        "IndexError: attention: rows has 2, expected an index into the 2 rows of key");
}

}  // namespace
}  // namespace pyseq::testing
