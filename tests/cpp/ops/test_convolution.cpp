// conv1d, conv2d and the pools: closed forms, thread counts, lengths, errors.
#include "fixture.h"

namespace pyseq::testing {
namespace {

using Integers = std::vector<std::int64_t>;

TEST_CASE("conv1d: a kernel of one tap is linear; more taps are linear over windows laid side by side") {
  const Tensor x = random({3, 70, 20}, 1), bias = random({45}, 2);
  const Tensor one = random({45, 20, 1}, 3);
  CHECK(same_bits(run_one("conv1d", {x, one, bias}), run_one("linear", {x, one.reshaped({45, 20}), bias})));

  // weight [out, in, taps] -> matrix [out, taps * in]; windows [batch * 68, taps * in]
  const Tensor weight = random({45, 20, 3}, 4);
  Tensor matrix = Tensor::empty(DType::float32, {45, 60}), windows = Tensor::empty(DType::float32, {3, 68, 60});
  for (std::int64_t i = 0; i < 45 * 60; ++i) {
    const std::int64_t out = i / 60, tap = i % 60 / 20, channel = i % 20;
    matrix.mutable_data<float>()[i] = weight.data<float>()[(out * 20 + channel) * 3 + tap];
  }
  for (std::int64_t row = 0; row < 3 * 68; ++row) {
    std::copy_n(x.data<float>() + (row / 68 * 70 + row % 68) * 20, 60, windows.mutable_data<float>() + row * 60);
  }
  CHECK(same_bits(run_one("conv1d", {x, weight, bias}), run_one("linear", {windows, matrix, bias})));
  CHECK(same_bits(run_one("conv1d", {x, pack_weight(weight), bias}), run_one("linear", {windows, matrix, bias})));
}

TEST_CASE("conv1d: any thread count and path; rows alone at their lengths; padding is never read") {
  struct Case {
    std::int64_t width, out, kernel, stride, dilation, groups;
  };
  for (const Case& c : {Case{20, 33, 3, 1, 1, 1}, Case{20, 33, 3, 1, 2, 1}, Case{20, 33, 4, 3, 2, 1},
                        Case{20, 40, 3, 1, 1, 4}, Case{50, 50, 5, 2, 1, 50}}) {
    CAPTURE(c.kernel);
    CAPTURE(c.dilation);
    CAPTURE(c.groups);
    const NamedAttrs attrs = {{"stride", c.stride},
                              {"dilation", c.dilation},
                              {"groups", c.groups},
                              {"padding", Integers{2, 3}},
                              {"activation", std::string("tanh")}};
    const Tensor x = random({3, 200, c.width}, 1), weight = random({c.out, c.width / c.groups, c.kernel}, 2);
    const Tensor bias = random({c.out}, 3);
    const std::vector<std::int64_t> lengths = {200, 77, 0};
    const std::vector<Tensor> inputs = {with_nan_padding(x, lengths), weight, bias, integers(lengths)};
    const Tensor y = same_for_all_thread_counts([&] { return run("conv1d", inputs, {.attrs = attrs}); })[0];
    for (std::int64_t row = 0; row < 2; ++row) {
      const Tensor alone = run_one("conv1d", {first_steps(x.rows(row, 1), lengths[row]), weight, bias}, attrs);
      CHECK(same_bits(first_steps(y.rows(row, 1), alone.size(1)), alone));
    }
    const auto values = y.values<float>();
    CHECK(std::none_of(values.begin(), values.end(), [](float v) { return std::isnan(v); }));
  }
}

TEST_CASE("conv2d: thread counts; a plane of height 1 is a sequence") {
  const Tensor x = random({2, 9, 30, 12}, 1), weight = random({40, 12, 3, 3}, 2);
  const NamedAttrs attrs = {{"padding", Integers{1, 1, 1, 1}}};
  const Tensor y = same_for_all_thread_counts([&] { return run("conv2d", {x, weight}, {.attrs = attrs}); })[0];
  CHECK(y.shape() == Shape{2, 9, 30, 40});
  CHECK(same_bits(run_one("conv2d", {x.rows(1, 1), weight}, attrs), y.rows(1, 1)));
  const Tensor line = random({2, 100, 12}, 3), taps = random({40, 12, 5}, 4);
  const Tensor plane = run_one("conv2d", {line.reshaped({2, 1, 100, 12}), taps.reshaped({40, 12, 1, 5})});
  CHECK(same_bits(run_one("conv1d", {line, taps}), plane.reshaped({2, 96, 40})));
}

TEST_CASE("pools: thread counts and closed forms") {
  Tensor x = Tensor::empty(DType::float32, {1, 100, 3});
  for (std::int64_t i = 0; i < 300; ++i) x.mutable_data<float>()[i] = static_cast<float>(i / 3);
  const NamedAttrs attrs = {{"kernel", std::int64_t{4}}};
  const auto largest = same_for_all_thread_counts([&] { return run("max_pool1d", {x}, {.attrs = attrs}); })[0];
  const auto mean = same_for_all_thread_counts([&] { return run("mean_pool1d", {x}, {.attrs = attrs}); })[0];
  for (std::int64_t i = 0; i < 25 * 3; ++i) {
    CHECK(largest.data<float>()[i] == static_cast<float>(i / 3 * 4 + 3));
    CHECK(mean.data<float>()[i] == static_cast<float>(i / 3 * 4) + 1.5F);
  }
}

TEST_CASE("conv1d: sizes that make no sense") {
  const Tensor x = random({1, 9, 4}, 1), weight = random({6, 4, 3}, 2);
  const auto error = [&](const std::vector<Tensor>& inputs, const NamedAttrs& attrs) {
    return error_of([&] { run("conv1d", inputs, {.attrs = attrs}); });
  };
  CHECK(error({x, weight}, {{"dilation", std::int64_t{1} << 40}}) ==
        "ValueError: conv1d: dilation has 1099511627776, expected 1 to 1073741824");
  CHECK(error({x, weight}, {{"groups", std::int64_t{0}}}) ==
        "ValueError: conv1d: groups has 0, expected a divisor of 4 (last dimension of x) and of 6 (first dimension of "
        "weight)");
  CHECK(error({x, random({6, 4}, 1)}, {}) == "ShapeError: conv1d: weight has shape [6, 4], expected 3 dimensions");
  CHECK(run_one("conv1d", {first_steps(x, 2), weight}).shape() == Shape{1, 0, 6});
}

}  // namespace
}  // namespace pyseq::testing
