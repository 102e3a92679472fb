#include "fixture.h"
#include "ops/families.h"

namespace pyseq::testing {
namespace {

TEST_CASE("rotary: float64 in both layouts, part of a head, offsets per row, any thread count") {
  std::vector<OpDef> ops;
  add_rotary_ops(ops);
  const OpDef& op = ops[0];
  const Tensor x = random({2, 5, 24}, 1);
  const Tensor off = integers({7, 100});
  for (const bool split : {false, true}) {
    const NamedAttrs named = {{"num_heads", std::int64_t{2}},
                              {"dims", std::int64_t{8}},
                              {"layout", std::string(split ? "split" : "interleaved")},
                              {"start", std::int64_t{3}}};
    const std::vector<Tensor> in = {x, off};
    const auto y = same_for_all_thread_counts(
        [&] { return run_op(op, in, {}, normalize_attrs(op, named, "rotary"), {}, {}, "rotary"); });
    double worst = 0;
    for (int b = 0; b < 2; ++b)
      for (int t = 0; t < 5; ++t)
        for (int h = 0; h < 2; ++h) {
          const float* p = x.data<float>() + (b * 5 + t) * 24 + h * 12;
          const float* g = y[0].data<float>() + (b * 5 + t) * 24 + h * 12;
          for (int i = 0; i < 4; ++i) {
            double ang = (3 + t + (b ? 100 : 7)) * std::pow(10000.0, -2.0 * i / 8);
            int ia = split ? i : 2 * i, ib = split ? i + 4 : 2 * i + 1;
            worst = std::max({worst, std::fabs(g[ia] - (p[ia] * std::cos(ang) - p[ib] * std::sin(ang))),
                              std::fabs(g[ib] - (p[ia] * std::sin(ang) + p[ib] * std::cos(ang)))});
          }
          for (int i = 8; i < 12; ++i) CHECK(g[i] == p[i]);
        }
    CHECK(worst < 1e-6);
  }
}
TEST_CASE("pack_keys: attention gives the same bits with packed keys; lanes behind the last position are zero") {
  const Tensor key = random({2, 40, 6}, 3), value = random({2, 40, 10}, 4), q = random({2, 3, 6}, 5);
  const Tensor p = run_one("pack_keys", {key}, {{"num_heads", std::int64_t{2}}});
  CHECK(p.shape() == Shape{2, 2, 2, 3, 32});
  const NamedAttrs a = {{"num_heads", std::int64_t{2}}};
  CHECK(same_bits(run_one("attention", {q, p, value, integers({40, 33})}, a),
                  run_one("attention", {q, key, value, integers({40, 33})}, a)));
  CHECK(p.data<float>()[(1 * 3 + 2) * 32 + 9] == 0.0F);
}
TEST_CASE("attention: grouped heads are repeated keys; chosen weights; caches of any type go step by step") {
  const Tensor q = random({2, 5, 24}, 1), k = random({2, 5, 8}, 2), v = random({2, 5, 10}, 3),
               bias = random({6, 5, 5}, 4), slopes = random({6}, 5);
  // grouped = repeated keys and values
  const auto repeat = [](const Tensor& x) {
    const std::int64_t w = x.size(2) / 2;
    Tensor y = Tensor::empty(DType::float32, {2, 5, 6 * w});
    for (int r = 0; r < 10; ++r)
      for (int h = 0; h < 6; ++h)
        std::copy_n(x.data<float>() + r * 2 * w + h / 3 * w, w, y.mutable_data<float>() + r * 6 * w + h * w);
    return y;
  };
  const NamedAttrs g = {{"num_heads", std::int64_t{6}},
                        {"num_kv_heads", std::int64_t{2}},
                        {"causal", true},
                        {"window", std::int64_t{3}}},
                   f = {{"num_heads", std::int64_t{6}}, {"causal", true}, {"window", std::int64_t{3}}};
  CHECK(same_bits(run_one("attention", {q, k, v, {}, {}, bias, slopes}, g),
                  run_one("attention", {q, repeat(k), repeat(v), {}, {}, bias, slopes}, f)));
  NamedAttrs chosen = f;
  chosen.emplace_back("weight_heads", std::vector<std::int64_t>{4, 1});
  const auto all = run("attention", {q, repeat(k), repeat(v), {}, {}, bias}, {.attrs = f, .want_optional = true});
  const auto some = run("attention", {q, repeat(k), repeat(v), {}, {}, bias}, {.attrs = chosen, .want_optional = true});
  REQUIRE(some[1].shape() == Shape{2, 2, 5, 5});
  CHECK(same_bits(some[0], all[0]));
  for (int b = 0; b < 2; ++b) {
    CHECK(std::equal(some[1].data<float>() + b * 50, some[1].data<float>() + b * 50 + 25,
                     all[1].data<float>() + b * 150 + 100));
  }
  // cache, step by step = whole, all storages agree across chunking; grouped
  for (const DType dtype : {DType::float32, DType::bfloat16, DType::int8}) {
    KvCache whole(2, 4, 5, 2, dtype), steps(2, 4, 5, 2, dtype);
    const NamedAttrs c = {
        {"num_heads", std::int64_t{6}}, {"num_kv_heads", std::int64_t{2}}, {"window", std::int64_t{3}}};
    const Tensor y = run("cached_attention", {q, k, v, {}, {}, slopes}, {.attrs = c, .cache = &whole})[0];
    if (dtype == DType::float32) CHECK(same_bits(y, run_one("attention", {q, k, v, {}, {}, {}, slopes}, g)));
    for (std::int64_t t = 0; t < 5; ++t) {
      std::vector<Tensor> in;
      for (const Tensor& x : {q, k, v}) in.push_back(step_of(x, t).reshaped({2, 1, x.size(2)}));
      in.push_back({});
      in.push_back({});
      in.push_back(slopes);
      const Tensor s = run("cached_attention", in, {.attrs = c, .cache = &steps})[0];
      CHECK(same_bits(s.reshaped({2, 30}), step_of(y, t)));
    }
  }
}

TEST_CASE("attention: relative positions are a bias; packed rows and caches of rows at different places see the same") {
  constexpr std::int64_t kHeads = 3, kTime = 6, kReach = 2;
  const Tensor q = random({2, kTime, 12}, 1), k = random({2, kTime, 12}, 2), v = random({2, kTime, 9}, 3);
  const Tensor relative = random({kHeads, 2 * kReach + 1}, 4), none;
  Tensor bias = Tensor::empty(DType::float32, {kHeads, kTime, kTime});
  for (std::int64_t i = 0; i < bias.num_elements(); ++i) {
    const std::int64_t distance = i % kTime - i / kTime % kTime, head = i / (kTime * kTime);
    bias.mutable_data<float>()[i] =
        relative.data<float>()[head * (2 * kReach + 1) + std::clamp(distance, -kReach, kReach) + kReach];
  }
  for (const bool causal : {false, true}) {
    const NamedAttrs named = {{"num_heads", kHeads}, {"causal", causal}};
    const Tensor lengths = integers({6, 4});
    const Tensor expected = run_one("attention", {q, k, v, lengths, none, bias}, named);
    CHECK(same_bits(run_one("attention", {q, k, v, lengths, none, none, none, none, relative}, named), expected));
  }
  // Row 1 begins with an empty cache, row 0 with two positions.
  const Tensor whole = run_one("attention", {q, k, v, none, none, bias}, {{"num_heads", kHeads}, {"causal", true}});
  const auto cut = [](const Tensor& x, std::int64_t row, std::int64_t begin, std::int64_t count, float* to) {
    const std::int64_t width = x.size(2);
    std::copy_n(x.data<float>() + (row * kTime + begin) * width, count * width, to);
  };
  const auto both = [&](const Tensor& x, std::int64_t of_first, std::int64_t of_second, std::int64_t count) {
    Tensor y = Tensor::empty(DType::float32, {2, count, x.size(2)});
    cut(x, 0, of_first, count, y.mutable_data<float>());
    cut(x, 1, of_second, count, y.mutable_data<float>() + count * x.size(2));
    return y;
  };
  KvCache cache(kHeads, 4, 3, 2, DType::float32);
  const RunArgs args{.attrs = {{"num_heads", kHeads}}, .cache = &cache};
  const Tensor lengths = integers({2, 0});
  run("cached_attention", {both(q, 0, 0, 2), both(k, 0, 0, 2), both(v, 0, 0, 2), lengths, none, none, relative}, args);
  for (const std::int64_t count : {1, 3}) {
    const std::int64_t first = cache.length(0), second = cache.length(1);
    const Tensor y = run("cached_attention",
                         {both(q, first, second, count), both(k, first, second, count), both(v, first, second, count),
                          none, none, none, relative},
                         args)[0];
    CHECK(same_bits(y, both(whole, first, second, count)));
  }
}

}  // namespace
}  // namespace pyseq::testing
