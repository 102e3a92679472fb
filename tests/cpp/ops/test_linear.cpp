#include <algorithm>
#include <cmath>

#include "fixture.h"
#include "reference.h"

namespace pyseq::testing {
namespace {

TEST_CASE("linear: float64, packed = row-major, any thread count") {
  const std::int64_t sizes[][3] = {{1, 1, 1},    {1, 40, 33},  {3, 17, 64},    {5, 16, 31},    {13, 48, 300},
                                   {100, 70, 5}, {4, 2000, 3}, {97, 130, 257}, {200, 96, 512}, {1, 1000, 513}};
  for (const auto& [rows, out, in] : sizes) {
    CAPTURE(rows);
    CAPTURE(out);
    CAPTURE(in);
    const Tensor x = random({rows, in}, 1), weight = random({out, in}, 2), bias = random({out}, 3);
    const Tensor packed = pack_weight(weight);
    for (const Tensor& b : {bias, Tensor()}) {
      const Tensor y = same_for_all_thread_counts([&] { return run("linear", {x, weight, b}); })[0];
      CHECK(largest_error(y, linear(x, weight, b)) < 1e-5);
      CHECK(same_bits(run_one("linear", {x, packed, b}), y));
    }
  }
}

TEST_CASE("linear: activations, which round like the separate ops") {
  const Tensor x = random({7, 20}, 1, -2.0F, 2.0F), weight = random({50, 20}, 2), bias = random({50}, 3);
  const Tensor plain = run_one("linear", {x, weight, bias});
  for (const std::string name : {"none", "relu", "gelu", "gelu_tanh", "tanh", "sigmoid"}) {
    CAPTURE(name);
    const Tensor y = run_one("linear", {x, weight, bias}, {{"activation", name}});
    CHECK(largest_error(y, linear(x, weight, bias, name)) < 1e-5);
    if (name == "gelu_tanh") {
      CHECK(same_bits(y, run_one("gelu", {plain}, {{"approximate", std::string("tanh")}})));
    } else if (name != "none") {
      CHECK(same_bits(y, run_one(name, {plain})));
    }
  }
}

TEST_CASE("linear: a row alone gives the bits it gives in a batch") {
  const Tensor weight = pack_weight(random({300, 600}, 2)), bias = random({300}, 3);
  const Tensor x = random({130, 600}, 1), y = run_one("linear", {x, weight, bias});
  for (const std::int64_t row : {0, 1, 50, 95, 96, 129}) {
    CHECK(same_bits(run_one("linear", {x.rows(row, 1), weight, bias}), y.rows(row, 1)));
  }
}

TEST_CASE("linear: weights stored as bfloat16 and int8, any thread count, any batch") {
  const std::int64_t sizes[][3] = {{1, 1, 1},      {5, 16, 31},    {13, 48, 300},
                                   {97, 130, 257}, {200, 96, 512}, {1, 1000, 513}};
  for (const auto& [rows, out, in] : sizes) {
    CAPTURE(rows);
    CAPTURE(out);
    CAPTURE(in);
    const Tensor x = random({rows, in}, 1), weight = random({out, in}, 2), bias = random({out}, 3);
    const Tensor residual = random({rows, out}, 4);
    const double inputs = std::sqrt(static_cast<double>(in));
    for (const DType storage : {DType::bfloat16, DType::int8}) {
      const Tensor packed = pack_weight(weight, 1, storage);
      const Tensor y = same_for_all_thread_counts([&] { return run("linear", {x, packed, bias, residual}); })[0];
      // Errors of half a step of the storage type in both factors, which average out along k.
      const double step = storage == DType::int8 ? 1.0 / 127 : 1.0 / 256;
      const Tensor plain = run_one("linear", {x, unpack_weight(packed), bias, residual});
      double largest = 0;
      for (std::int64_t i = 0; i < y.num_elements(); ++i) {
        largest = std::max(largest, std::abs(double{y.data<float>()[i]} - plain.data<float>()[i]));
      }
      CHECK(largest < 3 * step * inputs);
      for (const std::int64_t row : {std::int64_t{0}, rows / 2, rows - 1}) {
        CHECK(same_bits(run_one("linear", {x.rows(row, 1), packed, bias, residual.rows(row, 1)}), y.rows(row, 1)));
      }
    }
  }
}

TEST_CASE("linear: the fused residual rounds like a separate add") {
  const Tensor x = random({7, 20}, 1), weight = random({50, 20}, 2), bias = random({50}, 3),
               residual = random({7, 50}, 4);
  const NamedAttrs relu = {{"activation", std::string("relu")}};
  const Tensor separate = run_one("add", {run_one("linear", {x, weight, bias}, relu), residual});
  CHECK(same_bits(run_one("linear", {x, weight, bias, residual}, relu), separate));
  CHECK(error_of([&] { run("linear", {x, weight, bias, random({50}, 1)}); }) ==
        "ShapeError: linear: residual has shape [50], expected [7, 50] (the shape of the output)");
}

TEST_CASE("linear: leading dimensions and sizes of zero") {
  const Tensor weight = random({4, 3}, 2), bias = random({4}, 3);
  CHECK(run_one("linear", {random({3}, 1), weight}).shape() == Shape{4});
  CHECK(run_one("linear", {random({2, 5, 3}, 1), weight}).shape() == Shape{2, 5, 4});
  CHECK(run_one("linear", {random({0, 5, 3}, 1), weight}).shape() == Shape{0, 5, 4});
  CHECK(run_one("linear", {random({2, 0, 3}, 1), weight}).shape() == Shape{2, 0, 4});
  CHECK(run_one("linear", {random({2, 3}, 1), random({0, 3}, 1)}).shape() == Shape{2, 0});
  const Tensor only_bias = run_one("linear", {random({2, 0}, 1), random({4, 0}, 1), bias});
  CHECK(same_bits(only_bias.rows(1, 1).reshaped({4}), bias));
}

TEST_CASE("linear: errors") {
  const Tensor x = random({2, 3}, 1), weight = random({4, 3}, 2);
  const auto error = [](const std::vector<Tensor>& inputs, const NamedAttrs& attrs = {}) {
    return error_of([&] { run("linear", inputs, {.attrs = attrs}); });
  };
  CHECK(error({x, random({4, 5}, 2)}) ==
        "ShapeError: linear: weight has shape [4, 5], expected [any, 3] ([out, last dimension of x [2, 3]])");
  CHECK(error({x, weight, random({3}, 1)}) ==
        "ShapeError: linear: bias has 3 elements, expected 4 (first dimension of weight [4, 3])");
  CHECK(error({integers({1, 2, 3}), weight}) == "DTypeError: linear: x has dtype int64, expected float32");
  CHECK(error({random({}, 1), weight}) == "ShapeError: linear: x has shape [], expected at least 1 dimension");
  CHECK(error({x, pack_weight(weight, 2)}) == "ShapeError: linear: weight has been packed with gates 2, expected 1");
  CHECK(error({pack_weight(x), weight}) == "ShapeError: linear: x has a packed layout, expected a row-major tensor");
  CHECK(error({x, weight}, {{"activation", std::string("swish")}}) ==
        "ValueError: linear: activation has 'swish', expected one of none, relu, gelu, gelu_tanh, tanh, sigmoid, silu");
}

TEST_CASE("linear stops at its limits within a call") {
  int polls = 0;
  RunArgs args;
  args.limits.poll = [&] {
    if (++polls == 3) throw CancelledError("stop");
  };
  const int before = num_threads();
  set_num_threads(1);
  CHECK_THROWS_AS(run("linear", {random({200, 300}, 1), random({300, 300}, 2)}, args), CancelledError);
  set_num_threads(before);
}

}  // namespace
}  // namespace pyseq::testing
