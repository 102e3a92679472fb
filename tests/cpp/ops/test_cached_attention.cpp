#include "fixture.h"

namespace pyseq::testing {
namespace {

constexpr std::int64_t kHeads = 2, kHeadDim = 12, kValueDim = 20;

struct Inputs {
  Tensor query, key, value;

  Inputs(std::int64_t rows, std::int64_t time, unsigned seed = 1)
      : query(random({rows, time, kHeads * kHeadDim}, seed, -2.0F, 2.0F)),
        key(random({rows, time, kHeads * kHeadDim}, seed + 1, -2.0F, 2.0F)),
        value(random({rows, time, kHeads * kValueDim}, seed + 2)) {}

  /// Steps [begin, end) of all three.
  std::vector<Tensor> part(std::int64_t begin, std::int64_t end) const {
    std::vector<Tensor> parts;
    for (const Tensor& x : {query, key, value}) {
      parts.push_back(run_one("slice", {x}, {{"axis", std::int64_t{1}}, {"begin", begin}, {"end", end}}));
    }
    return parts;
  }
};

KvCache new_cache(std::int64_t rows) {
  return KvCache(kHeads, kHeadDim, kValueDim, rows);
}

std::vector<Tensor> attend(KvCache& cache, const std::vector<Tensor>& inputs, bool weights = false) {
  return run("cached_attention", inputs, {.attrs = {{"num_heads", kHeads}}, .cache = &cache, .want_optional = weights});
}

Tensor causal(const Inputs& in) {
  return run_one("attention", {in.query, in.key, in.value}, {{"num_heads", kHeads}, {"causal", true}});
}

TEST_CASE("cached_attention: steps, chunks and the whole give the bits of causal attention") {
  const std::int64_t time = 300;
  const Inputs in(2, time);
  const Tensor expected = causal(in);
  for (const std::int64_t chunk : {std::int64_t{1}, std::int64_t{7}, std::int64_t{64}, time}) {
    CAPTURE(chunk);
    KvCache cache = new_cache(2);
    for (std::int64_t t = 0; t < time; t += chunk) {
      const std::int64_t end = std::min(time, t + chunk);
      const Tensor y = attend(cache, in.part(t, end))[0];
      const Tensor wanted = run_one("slice", {expected}, {{"axis", std::int64_t{1}}, {"begin", t}, {"end", end}});
      REQUIRE(same_bits(y, wanted));
    }
    CHECK(cache.max_length() == time);
  }
}

TEST_CASE("cached_attention: any thread count; weights sum to one over the positions up to a query's own") {
  const Inputs in(3, 50);
  const auto result = same_for_all_thread_counts([&] {
    KvCache cache = new_cache(3);
    attend(cache, in.part(0, 20));
    return attend(cache, in.part(20, 50), true);
  });
  REQUIRE(result[1].shape() == Shape{3, kHeads, 30, 50});
  for (std::int64_t row = 0; row < 3 * kHeads * 30; ++row) {
    const float* weights = result[1].data<float>() + row * 50;
    const std::int64_t seen = 20 + row % 30 + 1;
    double sum = 0.0;
    for (std::int64_t k = 0; k < seen; ++k) sum += weights[k];
    CHECK(sum == doctest::Approx(1.0).epsilon(1e-5));
    CHECK(std::all_of(weights + seen, weights + 50, [](float weight) { return weight == 0.0F; }));
  }
}

TEST_CASE("cached_attention: rows of different lengths are as if alone") {
  const Inputs in(3, 40), more(3, 3, 11);
  const std::vector<std::int64_t> lengths = {40, 0, 13};
  KvCache cache = new_cache(3);
  auto ragged = in.part(0, 40);
  for (Tensor& x : ragged) x = with_nan_padding(x, lengths);
  ragged.push_back(integers(lengths));
  const Tensor first = attend(cache, ragged)[0];
  const Tensor second = attend(cache, more.part(0, 3))[0];
  for (std::int64_t row = 0; row < 3; ++row) {
    CAPTURE(row);
    const std::int64_t length = lengths[static_cast<std::size_t>(row)];
    CHECK(cache.length(row) == length + 3);
    KvCache own = new_cache(1);
    std::vector<Tensor> alone, next;
    for (const Tensor& x : in.part(0, length)) alone.push_back(x.rows(row, 1));
    for (const Tensor& x : more.part(0, 3)) next.push_back(x.rows(row, 1));
    CHECK(same_bits(attend(own, alone)[0], first_steps(first.rows(row, 1), length)));
    CHECK(same_bits(attend(own, next)[0], second.rows(row, 1)));
    for (std::int64_t i = length * kHeads * kValueDim; i < 40 * kHeads * kValueDim; ++i) {
      REQUIRE(first.rows(row, 1).data<float>()[i] == 0.0F);
    }
  }
}

TEST_CASE("cached_attention: beams that part go on from what they share") {
  const Inputs prefix(1, 37), next(2, 1, 21);
  KvCache beams = new_cache(1);
  attend(beams, prefix.part(0, 37));
  const std::vector<std::int64_t> parents = {0, 0};
  beams.reorder(parents);
  const Tensor y = attend(beams, next.part(0, 1))[0];
  for (std::int64_t row = 0; row < 2; ++row) {
    KvCache own = new_cache(1);
    attend(own, prefix.part(0, 37));
    std::vector<Tensor> alone;
    for (const Tensor& x : next.part(0, 1)) alone.push_back(x.rows(row, 1));
    CHECK(same_bits(attend(own, alone)[0], y.rows(row, 1)));
  }
}

TEST_CASE("cached_attention: a call that stops halfway leaves the cache as it was") {
  const Inputs in(2, 10);
  KvCache cache = new_cache(2);
  auto first = in.part(0, 4);
  first.push_back(integers({4, 2}));
  attend(cache, first);
  RunArgs args{.attrs = {{"num_heads", kHeads}}, .cache = &cache};
  int polls = 0;
  args.limits.poll = [&] {
    if (++polls == 2) throw CancelledError("stop");  // the first look comes before the op
  };
  CHECK_THROWS_AS(run("cached_attention", in.part(4, 10), args), CancelledError);
  CHECK(cache.length(0) == 4);
  CHECK(cache.length(1) == 2);
  KvCache fresh = new_cache(2);
  attend(fresh, first);
  CHECK(same_bits(attend(cache, in.part(4, 10)), attend(fresh, in.part(4, 10))));
}

TEST_CASE("cached_attention: no rows, no time") {
  KvCache none = new_cache(0), cache = new_cache(2);
  CHECK(attend(none, Inputs(0, 3).part(0, 3))[0].shape() == Shape{0, 3, kHeads * kValueDim});
  CHECK(attend(cache, Inputs(2, 0).part(0, 0))[0].shape() == Shape{2, 0, kHeads * kValueDim});
  CHECK(cache.max_length() == 0);
}

TEST_CASE("cached_attention: errors") {
  const Inputs in(2, 3);
  KvCache cache = new_cache(2);
  const auto error = [&](std::vector<Tensor> inputs, std::int64_t heads = kHeads) {
    return error_of([&] { run("cached_attention", inputs, {.attrs = {{"num_heads", heads}}, .cache = &cache}); });
  };
  CHECK(error(in.part(0, 3), 4) == "ValueError: cached_attention: num_heads has 4, expected 2 (heads of the cache)");
  CHECK(error(Inputs(3, 3).part(0, 3)) ==
        "ShapeError: cached_attention: query has shape [3, 3, 24], expected [2, any, 24] (rows and heads * head_dim of "
        "the cache)");
  CHECK(error({in.query, in.key, in.key}) ==
        "ShapeError: cached_attention: value has shape [2, 3, 24], expected [2, 3, 40] (as query, heads * value_dim of "
        "the cache)");
  CHECK(error({in.query, in.key, in.value, integers({3, 4})}) ==
        "ValueError: cached_attention: lengths has 4 in row 1, expected 0 to 3 (steps in the batch)");
  CHECK(cache.max_length() == 0);
}

}  // namespace
}  // namespace pyseq::testing
